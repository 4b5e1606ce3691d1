#include "tideover/adapt/token_estimate.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "tideover/adapt/json_cursor.hpp"

namespace tideover::adapt {
namespace {

constexpr std::uint64_t bytes_per_token = 4;
constexpr std::uint64_t tokens_per_image = 1600;  // what a large image costs at Anthropic
constexpr std::uint64_t tokens_per_object = 3;    // roles, block boundaries
constexpr std::size_t longest_text = 4u << 20;    // beyond that it is data of some kind

struct tally {
  std::uint64_t text_bytes = 0;
  std::uint64_t objects = 0;
  std::uint64_t images = 0;
};

void count_string(std::string_view raw, bool data, tally& sum) {
  if (data || raw.size() > longest_text || (raw.size() > 256 && raw.starts_with("data:"))) {
    ++sum.images;
    return;
  }
  // A character beyond ASCII has two to four bytes and is often a token of its own: its bytes count twice.
  auto const wide = std::count_if(raw.begin(), raw.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  sum.text_bytes += raw.size() + static_cast<std::uint64_t>(wide);
}

/// Recursion is bounded by the cursor's own depth limit.
void count(json_cursor& at, bool data, tally& sum) {
  std::string_view raw;
  switch (at.peek()) {
    case json_kind::object:
      ++sum.objects;
      at.enter_object();
      for (std::string_view key; at.next_member(key);)
        count(at, json_text_is(key, "data") || json_text_is(key, "images"), sum);
      return;
    case json_kind::array:
      at.enter_array();
      while (at.next_element()) count(at, data, sum);
      return;
    case json_kind::string:
      if (at.read_string(raw)) count_string(raw, data, sum);
      return;
    default: at.skip(); return;
  }
}

bool one_of(std::string_view key, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return json_text_is(key, name); });
}

std::uint64_t tokens_of(const tally& sum) {
  return (sum.text_bytes + bytes_per_token - 1) / bytes_per_token + sum.objects * tokens_per_object +
         sum.images * tokens_per_image;
}

/// A positive whole number; anything else says nothing.
std::optional<std::uint64_t> read_count(json_cursor& at) {
  std::string_view raw;
  if (at.peek() != json_kind::number || !at.read_number(raw)) {
    at.skip();
    return std::nullopt;
  }
  std::uint64_t value = 0;
  auto const [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (error != std::errc() || end != raw.data() + raw.size() || value == 0) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::uint64_t> estimate_tokens(std::string_view body) {
  json_cursor at(body);
  if (at.peek() != json_kind::object || !at.enter_object()) return std::nullopt;
  tally sum;
  for (std::string_view key; at.next_member(key);) {
    if (one_of(key, {"system", "messages", "tools"}))
      count(at, false, sum);
    else
      at.skip();
  }
  if (!at.finish()) return std::nullopt;
  return tokens_of(sum);
}

std::optional<token_need> estimate_need(std::string_view body) {
  json_cursor at(body);
  if (at.peek() != json_kind::object || !at.enter_object()) return std::nullopt;
  tally sum;
  token_need need;
  for (std::string_view key; at.next_member(key);) {
    if (one_of(key, {"system", "messages", "tools", "instructions", "input", "prompt", "suffix", "functions"})) {
      count(at, false, sum);
    } else if (one_of(key, {"max_tokens", "max_completion_tokens", "max_output_tokens"})) {
      if (auto const given = read_count(at)) need.max_output = std::max(need.max_output.value_or(0), *given);
    } else {
      at.skip();
    }
  }
  if (!at.finish()) return std::nullopt;
  need.prompt = tokens_of(sum);
  return need;
}

}  // namespace tideover::adapt
