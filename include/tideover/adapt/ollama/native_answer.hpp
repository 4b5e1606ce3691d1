// What an answer in Ollama's own API tells about where it was made.
// Not a reader of answers: that is adapt/chat/answer_reader's.
#pragma once

#include <string_view>

namespace tideover::adapt::ollama {

/// The members by which Ollama says that somebody else ran the model (OL §13): `remote_host`, `remote_model`.
bool is_remote_mark(std::string_view raw_key);

/// Does the object that `text` begins with say so? `text` may be cut anywhere; Ollama writes these members first.
bool made_elsewhere(std::string_view text);

}  // namespace tideover::adapt::ollama
