#include "tideover/core/http_message.hpp"

namespace tideover {
namespace {

std::string_view moved(std::string_view view, const char* from, const char* to) {
  return view.data() ? std::string_view(to + (view.data() - from), view.size()) : view;
}

void move_fields(header_fields& fields, const char* from, const char* to) {
  for (auto& f : fields.list) {
    f.name = moved(f.name, from, to);
    f.value = moved(f.value, from, to);
  }
}

}  // namespace

void request_head::rebase(const char* from, const char* to) {
  method = moved(method, from, to);
  target = moved(target, from, to);
  move_fields(fields, from, to);
}

void response_head::rebase(const char* from, const char* to) {
  reason_phrase = moved(reason_phrase, from, to);
  move_fields(fields, from, to);
}

}  // namespace tideover
