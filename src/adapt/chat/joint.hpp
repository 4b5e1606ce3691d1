// Where a text that was begun meets its continuation: nothing twice, nothing lost, or a refusal. The rule is in
// splice.hpp; a caller's own beginning has the simpler one of `echo::accepted`.
// Internal to adapt/chat; knows texts only, no protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tideover::adapt::chat::answer {

/// The text without the white space at its end.
std::string_view without_white_end(std::string_view text);

/// Some servers say the text that they were asked to continue once more before they go on (Ollama's native route).
enum class echo : std::uint8_t {
  unknown,   // whether they do: a text that is said again may be a model that began anew
  expected,  // known: the text at the beginning is no doubt, whatever its length
  none,      // known not to: everything is new
  accepted,  // byte for byte at the very beginning it is left out, everything else is new; never a refusal
};

class joint {
 public:
  /// So many equal bytes are no chance.
  static constexpr std::size_t certain_bytes = 32;

  /// `said` must outlive this.
  explicit joint(std::string_view said, echo repeats = echo::unknown);

  /// Appends what is new in the next piece of the continuation. False: the texts cannot be joined; `why_not` says why.
  bool take(std::string_view piece, std::string& fresh);
  bool end(std::string& fresh);

  std::string_view why_not() const { return why_not_; }
  /// The text was left out, and it is likely that the model had made it itself.
  bool began_anew() const { return began_anew_; }

 private:
  enum class state : std::uint8_t { comparing, joined, refused };

  bool compare(std::string& fresh);
  bool join(std::string_view continuation, std::string& fresh);
  void pass(std::string_view text, std::string& fresh);
  bool refuse(std::string_view why);

  echo repeats_;
  std::string_view text_;        // said, without the white space at its end
  std::string_view white_;       // that white space, as far as the continuation has not repeated it
  std::string_view text_words_;  // text_ without the white space before it, where that is compared apart
  state state_ = state::comparing;
  std::string held_;          // of the continuation, while it may still be the text once more
  std::size_t words_at_ = 0;  // where held_ has its first byte that is no white space
  std::size_t matched_ = 0;   // how much of text_words_ it repeats
  bool began_anew_ = false;
  std::string_view why_not_;
};

}  // namespace tideover::adapt::chat::answer
