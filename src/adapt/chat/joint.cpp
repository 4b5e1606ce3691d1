#include "joint.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tideover::adapt::chat::answer {

namespace {

constexpr std::string_view white = " \t\r\n";

std::size_t white_size(std::string_view text) { return std::min(text.find_first_not_of(white), text.size()); }

/// True if the text is the same piece again and again (twice at least, the last one perhaps in part): then one more of
/// them is as likely as a new beginning. By its longest proper prefix that is also its suffix (Knuth, Morris, Pratt).
bool repeats_itself(std::string_view text) {
  std::vector<std::uint32_t> border(text.size(), 0);
  for (std::size_t i = 1; i < text.size(); ++i) {
    std::uint32_t size = border[i - 1];
    while (size > 0 && text[i] != text[size]) size = border[size - 1];
    border[i] = size + (text[i] == text[size] ? 1U : 0U);
  }
  return !text.empty() && text.size() - border.back() <= text.size() / 2;
}

constexpr std::size_t most_white_bytes = 4096;  // that is held back before words come

}  // namespace

std::string_view without_white_end(std::string_view text) {
  const auto last = text.find_last_not_of(white);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

joint::joint(std::string_view said, echo repeats)
    : repeats_(repeats), text_(without_white_end(said)), white_(said.substr(text_.size())) {
  text_words_ = repeats == echo::accepted ? text_ : text_.substr(white_size(text_));
  if (text_.empty() || repeats == echo::none) state_ = state::joined;  // nothing is repeated
}

bool joint::take(std::string_view piece, std::string& fresh) {
  switch (state_) {
    case state::refused: return false;
    case state::joined: pass(piece, fresh); return true;
    case state::comparing: break;
  }
  held_ += piece;
  return compare(fresh);
}

bool joint::end(std::string& fresh) {
  if (state_ != state::comparing) return state_ == state::joined;
  if (matched_ >= certain_bytes && repeats_ != echo::accepted) return refuse("it began anew and ended too early");
  return join(held_, fresh);
}

/// The words of held_ are a beginning of the text; are they still?
bool joint::compare(std::string& fresh) {
  if (matched_ == 0 && repeats_ != echo::accepted) {
    words_at_ = white_size(held_);
    if (words_at_ == held_.size()) return held_.size() <= most_white_bytes || join(held_, fresh);
  }
  const std::string_view words = std::string_view(held_).substr(words_at_);
  const std::size_t comparable = std::min(words.size(), text_words_.size());
  while (matched_ < comparable && words[matched_] == text_words_[matched_]) ++matched_;

  if (matched_ == text_words_.size()) {
    const bool in_doubt = repeats_ == echo::unknown;
    if (in_doubt && matched_ < certain_bytes) return refuse("it may have begun anew");
    if (in_doubt && repeats_itself(text_words_)) return refuse("it may have begun anew, or repeated itself once more");
    const bool same_white = std::string_view(held_).substr(0, words_at_) == text_.substr(0, text_.size() - matched_);
    if (!same_white) return refuse("it began anew, with other white space");
    began_anew_ = in_doubt;
    return join(words.substr(matched_), fresh);
  }
  if (matched_ == words.size()) return true;  // so far the same
  if (matched_ >= certain_bytes && repeats_ != echo::accepted) return refuse("it began anew, with other words");
  return join(held_, fresh);
}

bool joint::join(std::string_view continuation, std::string& fresh) {
  state_ = state::joined;
  pass(continuation, fresh);
  held_ = {};
  return true;
}

/// Leaves out what the caller has of the white space already.
void joint::pass(std::string_view text, std::string& fresh) {
  while (!white_.empty() && !text.empty()) {
    if (text.front() != white_.front()) {
      white_ = {};
      break;
    }
    text.remove_prefix(1);
    white_.remove_prefix(1);
  }
  fresh += text;
}

bool joint::refuse(std::string_view why) {
  state_ = state::refused;
  why_not_ = why;
  held_ = {};
  return false;
}

}  // namespace tideover::adapt::chat::answer
