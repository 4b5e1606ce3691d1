// Each dialect as its SDK would write it; and Ollama's, read back.
#include "random_request.hpp"

namespace tideover::adapt::chat {
namespace {

const char* word(reasoning wish) {
  switch (wish) {
    case reasoning::low: return "low";
    case reasoning::medium: return "medium";
    case reasoning::high: return "high";
    default: return "none";
  }
}

json data_url(const part& image) { return "data:" + image.media_type + ";base64," + image.data; }

json chat_parts(const std::vector<part>& parts) {
  json list = json::array();
  for (auto const& one : parts)
    list.push_back(one.is_image() ? json{{"type", "image_url"}, {"image_url", {{"url", data_url(one)}}}}
                                  : json{{"type", "text"}, {"text", one.text}});
  return list;
}

json chat_message(const message& from) {
  static constexpr const char* roles[] = {"developer", "user", "assistant", "tool"};
  json out = {{"role", roles[static_cast<std::size_t>(from.who)]}, {"content", chat_parts(from.parts)}};
  if (from.who == role::tool) out["tool_call_id"] = from.call_id;
  for (auto const& call : from.calls)
    out["tool_calls"].push_back({{"id", call.id},
                                 {"type", "function"},
                                 {"function", {{"name", call.name}, {"arguments", call.arguments.dump()}}}});
  if (from.parts.empty()) out["content"] = nullptr;
  return out;
}

json blocks(const std::vector<part>& parts) {
  json list = json::array();
  for (auto const& one : parts) {
    if (one.is_image())
      list.push_back(
          {{"type", "image"}, {"source", {{"type", "base64"}, {"media_type", one.media_type}, {"data", one.data}}}});
    else
      list.push_back({{"type", "text"}, {"text", one.text}});
  }
  return list;
}

/// Results of tools are blocks of the user's next message.
json messages_of(const request& what) {
  json list = json::array();
  for (auto const& one : what.messages) {
    if (one.who == role::system) continue;
    json content = json::array();
    if (one.who == role::tool) {
      json result = {{"type", "tool_result"}, {"tool_use_id", one.call_id}, {"content", blocks(one.parts)}};
      if (one.failed) result["is_error"] = true;
      content.push_back(std::move(result));
    } else {
      content = blocks(one.parts);
    }
    for (auto const& call : one.calls)
      content.push_back({{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", call.arguments}});
    const char* const who = one.who == role::assistant ? "assistant" : "user";
    if (!list.empty() && list.back()["role"] == who) {
      for (auto const& block : content) list.back()["content"].push_back(block);
    } else {
      list.push_back({{"role", who}, {"content", std::move(content)}});
    }
  }
  return list;
}

json input_parts(const std::vector<part>& parts, const char* text_type) {
  json list = json::array();
  for (auto const& one : parts)
    list.push_back(one.is_image() ? json{{"type", "input_image"}, {"detail", "auto"}, {"image_url", data_url(one)}}
                                  : json{{"type", text_type}, {"text", one.text}});
  return list;
}

json input_items(const request& what) {
  json list = json::array();
  for (auto const& one : what.messages) {
    if (one.who == role::tool) {
      list.push_back({{"type", "function_call_output"},
                      {"call_id", one.call_id},
                      {"output", input_parts(one.parts, "input_text")}});
      continue;
    }
    bool const answer = one.who == role::assistant;
    if (one.who != role::system && !one.parts.empty())
      list.push_back({{"type", "message"},
                      {"role", answer ? "assistant" : "user"},
                      {"content", input_parts(one.parts, answer ? "output_text" : "input_text")}});
    for (auto const& call : one.calls)
      list.push_back(
          {{"type", "function_call"}, {"call_id", call.id}, {"name", call.name}, {"arguments", call.arguments.dump()}});
  }
  return list;
}

void add_sampling(json& out, const request& what) {
  if (what.params.temperature) out["temperature"] = *what.params.temperature;
  if (what.params.top_p) out["top_p"] = *what.params.top_p;
  if (what.stream) out["stream"] = true;
}

std::string system_text(const request& what) {
  bool const has_one = !what.messages.empty() && what.messages.front().who == role::system;
  return has_one ? what.messages.front().parts.front().text : std::string();
}

}  // namespace

std::string write_chat(const request& what) {
  json out = {{"model", what.model}, {"messages", json::array()}};
  for (auto const& one : what.messages) out["messages"].push_back(chat_message(one));
  for (auto const& one : what.tools)
    out["tools"].push_back(
        {{"type", "function"},
         {"function", {{"name", one.name}, {"description", one.description}, {"parameters", one.schema}}}});
  if (what.choice.what == tool_choice::kind::must) out["tool_choice"] = "required";
  if (what.think != reasoning::unsaid) out["reasoning_effort"] = word(what.think);
  if (what.format.what == output_format::kind::schema)
    out["response_format"] = {{"type", "json_schema"},
                              {"json_schema", {{"name", what.format.name}, {"schema", what.format.schema}}}};
  out["max_completion_tokens"] = *what.params.max_tokens;
  add_sampling(out, what);
  return out.dump();
}

std::string write_messages(const request& what) {
  json out = {{"model", what.model}, {"max_tokens", *what.params.max_tokens}, {"messages", messages_of(what)}};
  if (auto const text = system_text(what); !text.empty()) out["system"] = text;
  for (auto const& one : what.tools)
    out["tools"].push_back({{"name", one.name}, {"description", one.description}, {"input_schema", one.schema}});
  if (what.choice.what == tool_choice::kind::must) out["tool_choice"] = {{"type", "any"}};
  if (what.think != reasoning::unsaid) {
    out["thinking"] = {{"type", "adaptive"}};
    out["output_config"]["effort"] = word(what.think);
  }
  if (what.format.what == output_format::kind::schema)
    out["output_config"]["format"] = {{"type", "json_schema"}, {"schema", what.format.schema}};
  add_sampling(out, what);
  return out.dump();
}

std::string write_responses(const request& what) {
  json out = {{"model", what.model}, {"input", input_items(what)}, {"max_output_tokens", *what.params.max_tokens}};
  if (auto const text = system_text(what); !text.empty()) out["instructions"] = text;
  for (auto const& one : what.tools)
    out["tools"].push_back(
        {{"type", "function"}, {"name", one.name}, {"description", one.description}, {"parameters", one.schema}});
  if (what.choice.what == tool_choice::kind::must) out["tool_choice"] = "required";
  if (what.think != reasoning::unsaid) out["reasoning"] = {{"effort", word(what.think)}};
  if (what.format.what == output_format::kind::schema)
    out["text"]["format"] = {{"type", "json_schema"}, {"name", what.format.name}, {"schema", what.format.schema}};
  add_sampling(out, what);
  return out.dump();
}

request read_native(const std::string& body) {
  auto const in = json::parse(body);
  request out;
  out.model = in.at("model");
  for (auto const& given : in.at("messages")) {
    message one;
    std::string const who = given.at("role");
    one.who = who == "system" ? role::system
              : who == "user" ? role::user
              : who == "tool" ? role::tool
                              : role::assistant;
    if (std::string const text = given.at("content"); !text.empty()) one.parts.push_back({text});
    for (auto const& data : given.value("images", json::array())) one.parts.push_back({{}, "image", data});
    for (auto const& call : given.value("tool_calls", json::array()))
      one.calls.push_back({call.at("id"), call.at("function").at("name"), call.at("function").at("arguments")});
    one.call_id = given.value("tool_call_id", "");
    one.tool_name = given.value("tool_name", "");
    out.messages.push_back(std::move(one));
  }
  for (auto const& given : in.value("tools", json::array())) {
    auto const& function = given.at("function");
    out.tools.push_back({function.at("name"), function.at("description"), function.at("parameters")});
  }
  out.stream = in.at("stream");
  if (auto const format = in.find("format"); format != in.end())
    out.format = {output_format::kind::schema, "shape", *format};
  auto const options = in.value("options", json::object());
  if (options.contains("num_predict")) out.params.max_tokens = options.at("num_predict").get<std::int64_t>();
  if (options.contains("temperature")) out.params.temperature = options.at("temperature").get<double>();
  if (options.contains("top_p")) out.params.top_p = options.at("top_p").get<double>();
  return out;
}

}  // namespace tideover::adapt::chat
