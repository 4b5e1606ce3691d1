// How Ollama reads the name of a model: what a name is made of, which names it sends to ollama.com, which are the same.
// Not what is installed: that is policy/model_choice's catalog.
#pragma once

#include <string_view>

namespace tideover {

/// Is it made of nothing but what stands in Ollama's valid names: ASCII letters and digits, `_ - . : /`? Ollama refuses
/// every other name, but trims white space first, and has read further characters in other versions.
bool is_ollama_name(std::string_view name);

/// Does Ollama send this model's prompts to ollama.com (`x:cloud`, `x:480b-cloud`)? Then it is never local (OL §13).
/// White space and whatever else stands in no name is passed over, as Ollama passes over white space.
bool names_remote(std::string_view name);

/// One name of a model for all that mean the same: without scheme, registry.ollama.ai, `library` and `latest`, which
/// Ollama fills in. Letter case is left to whoever compares.
std::string_view short_ollama_name(std::string_view name);

}  // namespace tideover
