#include "tideover/adapt/token_estimate.hpp"

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
  if (data || raw.size() > longest_text)
    ++sum.images;
  else
    sum.text_bytes += raw.size();
}

/// Recursion is bounded by the cursor's own depth limit.
void count(json_cursor& at, bool data, tally& sum) {
  std::string_view raw;
  switch (at.peek()) {
    case json_kind::object:
      ++sum.objects;
      at.enter_object();
      for (std::string_view key; at.next_member(key);) count(at, json_text_is(key, "data"), sum);
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

}  // namespace

std::optional<std::uint64_t> estimate_tokens(std::string_view body) {
  json_cursor at(body);
  if (at.peek() != json_kind::object || !at.enter_object()) return std::nullopt;
  tally sum;
  for (std::string_view key; at.next_member(key);) {
    if (json_text_is(key, "system") || json_text_is(key, "messages") || json_text_is(key, "tools"))
      count(at, false, sum);
    else
      at.skip();
  }
  if (!at.finish()) return std::nullopt;
  return (sum.text_bytes + bytes_per_token - 1) / bytes_per_token + sum.objects * tokens_per_object +
         sum.images * tokens_per_image;
}

}  // namespace tideover::adapt
