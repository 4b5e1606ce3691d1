#include "tideover/adapt/token_estimate.hpp"

#include <algorithm>
#include <array>

#include "chat/document.hpp"
#include "json_read.hpp"
#include "tideover/adapt/chat/request.hpp"

namespace tideover::adapt {
namespace {

/// What a letter is to a tokenizer.
enum class letter : std::uint8_t { small, capital, accented, digit, space, newline, mark, other };

constexpr std::uint64_t per_token = 20;  // costs are in twentieths of a token

// Fitted to the largest of five tokenizers' counts, underestimates weighing three times as much as overestimates.
constexpr std::uint64_t word_cost = 20;          // a run of letters, or a hump of a camelCase name
constexpr std::uint64_t long_word_cost = 1;      // each of its 5th to 8th letters
constexpr std::uint64_t longer_word_cost = 24;   // each letter after the 8th: rare words fall to pieces
constexpr std::uint64_t accented_cost = 40;      // on top
constexpr std::uint64_t vietnamese_cost = 34;    // on top
constexpr std::uint64_t capital_cost = 5;        // each capital after a capital
constexpr std::uint64_t digit_cost = 17;         // several models read digit by digit
constexpr std::uint64_t letter_digit_cost = 18;  // each change between letters and digits
constexpr std::uint64_t mark_cost = 30;          // the first of a run
constexpr std::uint64_t further_mark_cost = 2;   // each further one
constexpr std::uint64_t newline_cost = 6;
constexpr std::uint64_t further_space_cost = 2;

struct range {
  char32_t first;
  std::uint64_t cost;
};
/// Scripts whose letters cost the same whatever is around them, by where they begin.
constexpr range scripts[] = {
    {0x250, 24},   {0x400, 12},  {0x530, 21},  {0x800, 26},  {0x2000, 20},  // Greek, Cyrillic, Hebrew and Arabic, …
    {0x2e80, 28},  {0x3040, 20}, {0x3100, 28}, {0xd7a4, 26}, {0xf900, 28},  // Han, kana, Han and Hangul, …
    {0x10000, 64},                                                          // emoji and rare letters
};

std::uint64_t script_cost(char32_t code) {
  auto const* const next = std::upper_bound(std::begin(scripts), std::end(scripts), code,
                                            [](char32_t c, const range& r) { return c < r.first; });
  return next == std::begin(scripts) ? mark_cost : std::prev(next)->cost;
}

constexpr auto ascii = [] {
  std::array<letter, 128> kinds{};
  for (std::size_t c = 0; c < kinds.size(); ++c) {
    if (c >= 'a' && c <= 'z')
      kinds[c] = letter::small;
    else if (c >= 'A' && c <= 'Z')
      kinds[c] = letter::capital;
    else if (c >= '0' && c <= '9')
      kinds[c] = letter::digit;
    else if (c == '\n')
      kinds[c] = letter::newline;
    else if (c == ' ' || c == '\t' || c == '\r')
      kinds[c] = letter::space;
    else
      kinds[c] = letter::mark;
  }
  return kinds;
}();

class counter {
 public:
  void add(std::string_view text);
  std::uint64_t tokens() const { return (units_ + per_token - 1) / per_token; }

 private:
  void one(letter kind);
  void wide(char32_t code);
  void in_word() {
    ++word_;
    if (word_ > 8)
      units_ += longer_word_cost;
    else if (word_ > 4)
      units_ += long_word_cost;
  }
  void begin_word() {
    units_ += word_cost;
    word_ = 0;
  }

  std::uint64_t units_ = 0;
  std::uint64_t word_ = 0;  // letters so far
  letter before_ = letter::space;
};

constexpr bool is_alphabetic(letter kind) {
  return kind == letter::small || kind == letter::capital || kind == letter::accented;
}

void counter::one(letter kind) {
  switch (kind) {
    case letter::small:
    case letter::capital:
    case letter::accented:
      if (!is_alphabetic(before_) || (kind == letter::capital && before_ != letter::capital)) begin_word();
      in_word();
      if (kind == letter::capital && before_ == letter::capital) units_ += capital_cost;
      if (before_ == letter::digit) units_ += letter_digit_cost;
      break;
    case letter::digit:
      units_ += digit_cost;
      if (is_alphabetic(before_)) units_ += letter_digit_cost;
      break;
    case letter::space:
      if (before_ == letter::space) units_ += further_space_cost;
      break;
    case letter::newline:
      if (before_ != letter::newline) units_ += newline_cost;
      break;
    case letter::mark: units_ += before_ == letter::mark ? further_mark_cost : mark_cost; break;
    case letter::other: break;
  }
  before_ = kind;
}

void counter::wide(char32_t code) {
  if (code < 0xc0) return one(letter::mark);
  bool const vietnamese = code >= 0x1e00 && code <= 0x1eff;
  if (code < 0x250 || vietnamese) {
    one(letter::accented);
    units_ += vietnamese ? vietnamese_cost : accented_cost;
    return;
  }
  units_ += script_cost(code);
  before_ = letter::other;
}

void counter::add(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    auto const lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
      one(ascii[lead]);
      ++at;
      continue;
    }
    // What is not UTF-8 counts as something; nobody is to be refused for it here.
    std::size_t const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    char32_t code = lead & (size == 4 ? 0x07u : size == 3 ? 0x0fu : 0x1fu);
    for (std::size_t i = 1; i < size && at + i < text.size(); ++i)
      code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
    wide(code);
    at += size;
  }
}

constexpr std::uint64_t tokens_per_message = 6;  // role and the marks around it
constexpr std::uint64_t tokens_per_call = 12;    // braces, the words name and arguments
constexpr std::uint64_t tokens_around = 10;      // begin of text, the head of the answer
constexpr std::uint64_t tokens_for_tools = 200;  // how to call one, as templates explain it
constexpr std::uint64_t tokens_per_local_image = 768;

constexpr std::uint64_t tokens_per_cloud_image = 1600;
constexpr std::uint64_t tokens_per_object = 3;  // roles, block boundaries
constexpr std::size_t longest_text = 4u << 20;  // beyond that it is data of some kind

void count_string(json_cursor& at, bool data, std::uint64_t& sum) {
  std::string_view raw;
  if (!at.read_string(raw)) return;
  std::string storage;
  if (data || raw.size() > longest_text)
    sum += tokens_per_cloud_image;
  else
    sum += estimate_text_tokens(plain_text(raw, storage));
}

/// Recursion is bounded by the cursor's own depth limit.
void count(json_cursor& at, bool data, std::uint64_t& sum) {
  switch (at.peek()) {
    case json_kind::object:
      sum += tokens_per_object;
      at.enter_object();
      for (std::string_view key; at.next_member(key);) count(at, json_text_is(key, "data"), sum);
      return;
    case json_kind::array:
      at.enter_array();
      while (at.next_element()) count(at, data, sum);
      return;
    case json_kind::string: return count_string(at, data, sum);
    default: at.skip(); return;
  }
}

}  // namespace

std::uint64_t estimate_text_tokens(std::string_view utf8) {
  counter sum;
  sum.add(utf8);
  return sum.tokens();
}

std::uint64_t estimate_prompt(const chat::request& what) {
  std::uint64_t sum = tokens_around;
  for (auto const& one : what.messages) {
    sum += tokens_per_message + estimate_text_tokens(one.tool_name);
    for (auto const& piece : one.parts)
      sum += piece.is_image() ? tokens_per_local_image : estimate_text_tokens(piece.text);
    for (auto const& call : one.calls)
      sum += tokens_per_call + estimate_text_tokens(call.name) + estimate_text_tokens(write_document(call.arguments));
  }
  if (what.suffix) sum += estimate_text_tokens(*what.suffix);
  if (what.tools.empty() || what.choice.what == chat::tool_choice::kind::none) return sum;
  sum += tokens_for_tools;
  for (auto const& one : what.tools)
    sum += tokens_per_call + estimate_text_tokens(one.name) + estimate_text_tokens(one.description) +
           estimate_text_tokens(write_document(one.schema));
  return sum;
}

std::optional<std::uint64_t> estimate_tokens(std::string_view body) {
  json_cursor at(body);
  if (at.peek() != json_kind::object || !at.enter_object()) return std::nullopt;
  std::uint64_t sum = 0;
  for (std::string_view key; at.next_member(key);) {
    if (json_text_is(key, "tools")) {
      // Names of members are part of what the model reads here.
      std::string_view raw;
      if (at.skip(raw)) sum += estimate_text_tokens(raw);
    } else if (json_text_is(key, "system") || json_text_is(key, "messages")) {
      count(at, false, sum);
    } else {
      at.skip();
    }
  }
  if (!at.finish()) return std::nullopt;
  return sum;
}

}  // namespace tideover::adapt
