#include "tideover/adapt/ollama/native_request.hpp"

namespace tideover::adapt::ollama {

models_named named_models(std::string_view body) { return models_in(body, {"model", "name"}); }

}  // namespace tideover::adapt::ollama
