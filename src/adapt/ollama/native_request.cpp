#include "tideover/adapt/ollama/native_request.hpp"

#include "tideover/adapt/json_cursor.hpp"
#include "tideover/core/http_message.hpp"

namespace tideover::adapt::ollama {

std::vector<std::string> named_models(std::string_view body) {
  std::vector<std::string> models;
  json_cursor at(body);
  if (at.peek() != json_kind::object || !at.enter_object()) return models;
  for (std::string_view key; at.next_member(key);) {
    auto const name = json_decode(key);
    std::string_view value;
    if (at.peek() == json_kind::string && (iequals(name, "model") || iequals(name, "name"))) {
      if (at.read_string(value)) models.push_back(json_decode(value));
    } else {
      at.skip();
    }
  }
  return models;
}

}  // namespace tideover::adapt::ollama
