#include "reader.hpp"

#include <algorithm>
#include <cmath>

namespace tideover::adapt::chat {

void reader::handled(std::initializer_list<std::string_view> keys) {
  handled_.insert(handled_.end(), keys.begin(), keys.end());
}

void reader::note(std::string text) {
  if (std::find(notes_.begin(), notes_.end(), text) == notes_.end()) notes_.push_back(std::move(text));
}

bool reader::refuse(std::string_view code, std::string field, std::string message) {
  if (!refusal_) refusal_ = refusal{std::string(code), std::move(field), std::move(message)};
  return false;
}

bool reader::number(std::string_view key, std::optional<double>& to) {
  handled({key});
  auto const& value = get(key);
  if (value.is_null()) return true;
  if (!value.is_number()) return refuse("invalid_request", std::string(key), std::string(key) + " must be a number.");
  to = value.get<double>();
  return true;
}

bool reader::integer(std::string_view key, std::optional<std::int64_t>& to) {
  handled({key});
  auto const& value = get(key);
  if (value.is_null()) return true;
  constexpr double largest = 9007199254740992.0;  // 2^53: what every JSON parser reads exactly
  double const read = value.is_number() ? value.get<double>() : std::nan("");
  if (!(std::abs(read) <= largest) || read != std::floor(read))
    return refuse("invalid_request", std::string(key), std::string(key) + " must be a whole number.");
  to = static_cast<std::int64_t>(read);
  return true;
}

bool reader::flag(std::string_view key, bool& to) {
  handled({key});
  auto const& value = get(key);
  if (value.is_null()) return true;
  if (!value.is_boolean())
    return refuse("invalid_request", std::string(key), std::string(key) + " must be true or false.");
  to = value.get<bool>();
  return true;
}

bool reader::stop_texts(std::string_view key) {
  handled({key});
  auto const& value = get(key);
  if (value.is_null()) return true;
  if (value.is_string()) {
    out.params.stop = {std::string(adapt::text_of(value))};
    return true;
  }
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), [](const json& one) { return one.is_string(); }))
    return refuse("invalid_request", std::string(key), std::string(key) + " must be text or a list of texts.");
  for (auto const& one : value) out.params.stop.emplace_back(adapt::text_of(one));
  return true;
}

bool reader::limit(std::string_view key) {
  if (!integer(key, out.params.max_tokens)) return false;
  if (out.params.max_tokens && *out.params.max_tokens < 1)
    return refuse("invalid_request", std::string(key), std::string(key) + " must be at least 1.");
  return true;
}

std::variant<parsed, refusal> reader::finish() {
  if (refusal_) return std::move(*refusal_);
  for (auto const& [key, value] : in.items())
    if (!value.is_null() && std::find(handled_.begin(), handled_.end(), key) == handled_.end())
      note("dropped " + printable_name(key));
  // A tool's result names its call; local servers want the name of the tool as well.
  for (auto answer = out.messages.begin(); answer != out.messages.end(); ++answer) {
    if (answer->who != role::tool || !answer->tool_name.empty()) continue;
    for (auto asked = out.messages.begin(); asked != answer; ++asked)
      for (auto const& call : asked->calls)
        if (call.id == answer->call_id) answer->tool_name = call.name;
  }
  return parsed{std::move(out), std::move(notes_)};
}

bool refuse_more_than_one(reader& to, std::string_view key) {
  to.handled({key});
  auto const& value = to.get(key);
  if (value.is_null() || (value.is_number() && value.get<double>() == 1)) return true;
  return to.refuse("unsupported_parameter", std::string(key),
                   "The local server gives one answer at a time; send " + std::string(key) + " requests instead.");
}

bool refuse_logit_bias(reader& to) {
  to.handled({"logit_bias"});
  auto const& bias = to.get("logit_bias");
  if (bias.is_null() || bias.empty()) return true;
  return to.refuse("unsupported_parameter", "logit_bias",
                   "Token numbers of the cloud's model mean other words to the local one; leave logit_bias out.");
}

bool read_stream(reader& to) {
  to.handled({"stream_options"});
  to.out.include_usage = is_true(member(to.get("stream_options"), "include_usage"));
  return to.flag("stream", to.out.stream);
}

void add_text(std::vector<part>& to, std::string_view text) {
  if (!to.empty() && !to.back().is_image())
    append_part(to.back().text, text);
  else
    to.push_back({std::string(text)});
}

std::string text_of(const std::vector<part>& parts, std::string_view between) {
  std::string text;
  for (auto const& one : parts)
    if (!one.is_image()) append_part(text, one.text, between);
  return text;
}

json read_arguments(reader& to, const json& arguments) {
  if (arguments.is_object()) return arguments;
  if (!arguments.is_string()) return json::object();
  auto const text = adapt::text_of(arguments);
  auto const first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    to.note("empty tool-call arguments became {}");
    return json::object();
  }
  if (text[first] == '{') {
    // Depth is bounded as for the body itself: text inside a string was not seen by the body's scan.
    if (auto inner = parse_bounded_document(text); inner.is_object()) return inner;
  }
  to.note("tool-call arguments that are no JSON object were wrapped in one");
  return json{{"arguments", text}};
}

reasoning read_effort(reader& to, std::string_view effort, std::string_view field) {
  if (effort.empty()) return reasoning::unsaid;
  if (effort == "none") return reasoning::off;
  if (effort == "minimal" || effort == "low") return reasoning::low;
  if (effort == "medium") return reasoning::medium;
  if (effort == "high") return reasoning::high;
  if (effort == "xhigh" || effort == "max" || effort == "ultra") return reasoning::max;
  to.note(std::string(field) + " set to none: its value is not known locally");
  return reasoning::unsaid;
}

}  // namespace tideover::adapt::chat
