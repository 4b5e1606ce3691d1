#include "replay_rewriter.hpp"

#include <algorithm>

#include "tideover/core/http_message.hpp"

namespace tideover::adapt::ollama {
const json& rewriter::get(std::string_view key) const { return member(in, key); }

void rewriter::keep(std::initializer_list<std::string_view> keys) {
  for (auto const key : keys)
    if (auto const& value = get(key); !value.is_null()) out[std::string(key)] = value;
  handled(keys);
}

void rewriter::handled(std::initializer_list<std::string_view> keys) {
  handled_.insert(handled_.end(), keys.begin(), keys.end());
}

void rewriter::note(std::string text) {
  if (std::find(notes_.begin(), notes_.end(), text) == notes_.end()) notes_.push_back(std::move(text));
}

bool rewriter::refuse(std::string_view code, std::string field, std::string message) {
  if (!refusal_) refusal_ = replay_refusal{std::string(code), std::move(field), std::move(message)};
  return false;
}

std::variant<replay_body, replay_refusal> rewriter::finish() {
  if (refusal_) return std::move(*refusal_);
  for (auto const& [key, value] : in.items())
    if (!value.is_null() && std::find(handled_.begin(), handled_.end(), key) == handled_.end())
      note("dropped " + printable_name(key));
  return replay_body{out.dump(-1, ' ', false, json::error_handler_t::replace), std::move(notes_)};
}

std::string fit_arguments(rewriter& to, const json& arguments) {
  if (arguments.is_object()) return arguments.dump(-1, ' ', false, json::error_handler_t::replace);
  if (!arguments.is_string()) return "{}";
  auto const text = text_of(arguments);
  auto const first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    to.note("empty tool-call arguments became {}");
    return "{}";
  }
  if (text[first] == '{' && json::accept(text)) return std::string(text);
  to.note("tool-call arguments that are no JSON object were wrapped in one");
  return json{{"arguments", text}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool check_image_url(rewriter& to, std::string_view url, std::string_view field) {
  for (std::string_view scheme : {"http://", "https://"})
    if (url.size() >= scheme.size() && iequals(url.substr(0, scheme.size()), scheme))
      return to.refuse("unsupported_content", std::string(field),
                       "The local server does not fetch images from the web; send the image itself as a base64 data "
                       "URI.");
  for (std::string_view known :
       {"data:image/png;base64,", "data:image/jpeg;base64,", "data:image/jpg;base64,", "data:image/webp;base64,"})
    if (url.size() > known.size() && iequals(url.substr(0, known.size()), known)) return true;
  return to.refuse("unsupported_content", std::string(field),
                   "The local server reads images as base64 data URIs of type PNG, JPEG or WebP only; convert the "
                   "image.");
}

std::string_view fit_effort(std::string_view effort) {
  if (effort == "none" || effort == "low" || effort == "medium" || effort == "high") return effort;
  if (effort == "minimal") return "low";
  // Newer versions know higher grades, older ones answer 400 to them.
  if (effort == "xhigh" || effort == "max" || effort == "ultra") return "high";
  return {};
}

}  // namespace tideover::adapt::ollama
