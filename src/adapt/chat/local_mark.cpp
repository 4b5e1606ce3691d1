#include "tideover/adapt/chat/local_mark.hpp"

namespace tideover::adapt::chat {

std::string make_id(std::string_view prefix, std::string_view unique) {
  std::string id(prefix);
  id += local_mark;
  id += unique;
  return id;
}

bool is_local_id(std::string_view id) {
  auto const prefix_end = id.find_first_of("_-");
  return prefix_end != std::string_view::npos && id.substr(prefix_end + 1).starts_with(local_mark);
}

std::string make_signature(std::string_view unique) { return make_id({}, unique); }

bool is_local_signature(std::string_view signature) { return signature.starts_with(local_mark); }

}  // namespace tideover::adapt::chat
