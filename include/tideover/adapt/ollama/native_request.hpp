// What must be known of a request in Ollama's own API before it is passed through.
// Not an adapter: the bytes pass as they came.
#pragma once

#include <string_view>

#include "tideover/adapt/named_models.hpp"

namespace tideover::adapt::ollama {

/// Every model the body may name in Ollama's eyes: the members `model` and `name` in any letter case and however often,
/// because Go's decoder matches names without regard to case and the last one wins.
models_named named_models(std::string_view body);

}  // namespace tideover::adapt::ollama
