#include "tideover/adapt/named_models.hpp"

#include <algorithm>

#include "tideover/adapt/json_cursor.hpp"
#include "tideover/core/http_message.hpp"

namespace tideover::adapt {

models_named models_in(std::string_view body, std::initializer_list<std::string_view> keys) {
  models_named found;
  json_cursor at(body, json_depth_limit);
  const auto take = [&] {
    std::string_view raw;
    if (at.peek() != json_kind::string)
      at.skip();
    else if (at.read_string(raw))
      found.models.push_back(json_decode(raw));
  };
  if (at.peek() != json_kind::object || !at.enter_object()) return found;
  for (std::string_view key; at.next_member(key);) {
    auto const name = json_decode(key);
    if (std::none_of(keys.begin(), keys.end(), [&](std::string_view k) { return iequals(name, k); })) {
      at.skip();
    } else if (at.enter_if_array()) {
      while (at.next_element()) take();
    } else {
      take();
    }
  }
  found.all = at.ok();
  return found;
}

models_named named_models(std::string_view body) { return models_in(body, {"model", "models"}); }

}  // namespace tideover::adapt
