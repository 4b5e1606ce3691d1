#include "tideover/adapt/key_leak.hpp"

#include <algorithm>

namespace tideover::adapt {

key_leak find_key(const secret& key, const response_head& head, std::string_view body) {
  auto const& fields = head.fields.list;
  bool const in_head = key.stands_in(head.reason_phrase) || std::any_of(fields.begin(), fields.end(), [&](auto& f) {
                         return key.stands_in(f.name) || key.stands_in(f.value);
                       });
  if (in_head) return key_leak::repeated;
  if (body.empty()) return key_leak::none;
  if (is_encoded(head.fields)) return key_leak::compressed;
  if (body.size() > most_searched_bytes) return key_leak::too_long;
  return key.stands_in(body) ? key_leak::repeated : key_leak::none;
}

std::string_view words(key_leak why) {
  switch (why) {
    case key_leak::none: break;
    case key_leak::repeated: return "repeats the configured key";
    case key_leak::compressed: return "is compressed, so that it cannot be searched for the configured key";
    case key_leak::too_long: return "is too long to be searched for the configured key";
  }
  return {};
}

bool is_encoded(const header_fields& fields) {
  return std::any_of(fields.list.begin(), fields.list.end(), [](const header_field& f) {
    return f.id == field_id::content_encoding && !f.value.empty() && !iequals(f.value, "identity");
  });
}

}  // namespace tideover::adapt
