// Any bytes as JSON: the cursor must agree with an independent parser, and no reader of bodies may crash on them.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "tideover/adapt/answer_judge.hpp"
#include "tideover/adapt/error_body.hpp"
#include "tideover/adapt/error_topic.hpp"
#include "tideover/adapt/json_cursor.hpp"
#include "tideover/adapt/request_scan.hpp"

namespace {

using namespace tideover;
using namespace tideover::adapt;

void require(bool truth) {
  if (!truth) std::abort();
}

std::size_t deepest(std::string_view text) {
  std::size_t depth = 0;
  std::size_t most = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') most = std::max(most, ++depth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return most;
}

/// The reference refuses what is no JSON of ours to refuse: bytes that are not UTF-8, lone surrogates, numbers beyond a
/// double. Where none of these can be in the text, both must say the same.
bool is_plain_ground(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) >= 0x80) return false;
    const char after = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '\\' && after == 'u') return false;
    if (text[i] >= '0' && text[i] <= '9' && (after == 'e' || after == 'E')) return false;
  }
  return text.size() < 300;
}

void agree_with_reference(std::string_view text) {
  json_cursor c(text, json_depth_limit);
  const json_kind kind = c.peek();
  const bool ours = c.skip() && c.finish();
  const bool theirs = nlohmann::json::accept(text.begin(), text.end());
  // The reference skips a byte order mark, which RFC 8259 §8.1 forbids, and takes a NUL for the end of the text.
  const bool is_lenient = text.starts_with("\xEF\xBB\xBF") || text.find('\0') != std::string_view::npos;
  if (theirs && !is_lenient && deepest(text) <= json_depth_limit) require(ours);
  if (ours && is_plain_ground(text)) require(theirs);

  if (ours && theirs && kind == json_kind::string) {
    json_cursor again(text);
    std::string_view raw;
    require(again.read_string(raw) && again.finish());
    const auto value = nlohmann::json::parse(text.begin(), text.end()).get<std::string>();
    require(json_decode(raw) == value);
    require(json_text_is(raw, value));
  }
  if (ours && kind == json_kind::object) {
    json_cursor again(text, json_depth_limit);
    std::string_view key;
    std::string_view value;
    require(again.enter_object());
    while (again.next_member(key)) require(again.skip(value) && !value.empty());
    require(again.finish());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  agree_with_reference(text);

  json_cursor c(text);
  const bool is_object = c.peek() == json_kind::object && c.skip() && c.finish();
  for (const endpoint what : {endpoint::chat_completions, endpoint::completions, endpoint::responses,
                              endpoint::messages, endpoint::count_tokens, endpoint::embeddings}) {
    require(scan_request(what, text).is_json_object == is_object);
    for (const dialect from : {dialect::openai, dialect::ollama}) {
      const auto verdict = judge_answer(what, from, "application/json", text);
      require(is_object || verdict.failure == reason::malformed);
      require(verdict.error.message.size() <= 300);
    }
  }
  const auto error = read_error_body(text);
  require(!error.recognised || is_object);
  for (const char c : words_for_log(error)) require(c >= ' ' && c < 0x7f && c != '"' && c != '\\');
  require(topic_of(error, 402, false) == error_topic::money);
  require(topic_of(error, 404, false) == error_topic::request);
  require(topic_of(error, 400, false) == error_topic::money || topic_of(error, 400, false) == error_topic::request);
  require(topic_of(error, 429, false) == error_topic::money || topic_of(error, 429, false) == error_topic::rate);
  json_decode(text);
  json_text_is(text, "model");
  return 0;
}
