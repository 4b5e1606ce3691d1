// POST /v1/embeddings asked of a local server, and Ollama's answer in the words of the caller (OL §5, §8).
// Not for deciding whether vectors of this model may stand in: that is policy/route_table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tideover/adapt/chat/request.hpp"
#include "tideover/core/words.hpp"

namespace tideover::adapt {

/// Ollama is asked by /api/embed, because only there an input that is too long is an error: /v1/embeddings cuts it off
/// in silence, and the vector is then one of another text. Servers of dialect openai are asked by /v1/embeddings, and
/// their answer is the caller's. Token numbers are refused: they mean other words to another model.
std::variant<chat::rendered, chat::refusal> render_embeddings(dialect local, std::string_view original,
                                                              std::string_view model,
                                                              const std::optional<std::string>& keep_alive = {});

/// The answer of /api/embed to what `original` asked, as OpenAI's list. Nothing when it is not what it should be:
/// another number of vectors than of inputs, an empty one, or another length than the `dimensions` that were asked for.
std::optional<std::string> write_embeddings(std::string_view original, std::string_view native, std::string_view model);

}  // namespace tideover::adapt
