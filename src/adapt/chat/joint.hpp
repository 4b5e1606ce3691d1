// Where a text that broke off meets its continuation: nothing twice, nothing lost, or a refusal. The rule is in
// splice.hpp.
// Internal to adapt/chat; knows texts only, no protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tideover::adapt::chat::answer {

/// The text without the white space at its end.
std::string_view without_white_end(std::string_view text);

class joint {
 public:
  /// So many equal bytes are no chance.
  static constexpr std::size_t certain_bytes = 32;

  /// `said` must outlive this.
  explicit joint(std::string_view said);

  /// Appends what is new in the next piece of the continuation. False: the texts cannot be joined; `why_not` says why.
  bool take(std::string_view piece, std::string& fresh);
  bool end(std::string& fresh);

  std::string_view why_not() const { return why_not_; }
  bool began_anew() const { return began_anew_; }

 private:
  enum class state : std::uint8_t { comparing, joined, refused };

  bool compare(std::string& fresh);
  bool join(std::string_view continuation, std::string& fresh);
  void pass(std::string_view text, std::string& fresh);
  bool refuse(std::string_view why);

  std::string_view text_;        // said, without the white space at its end
  std::string_view white_;       // that white space, as far as the continuation has not repeated it
  std::string_view text_words_;  // text_ without the white space before it
  state state_ = state::comparing;
  std::string held_;          // of the continuation, while it may still be the text once more
  std::size_t words_at_ = 0;  // where held_ has its first byte that is no white space
  std::size_t matched_ = 0;   // how much of text_words_ it repeats
  bool began_anew_ = false;
  std::string_view why_not_;
};

}  // namespace tideover::adapt::chat::answer
