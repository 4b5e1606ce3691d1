// POST /v1/responses (OL §6).
#include <algorithm>

#include "replay_rewriter.hpp"

namespace tideover::adapt::ollama {
namespace {

/// The parts of a message or of a tool's output. Text alone becomes one text, which every version reads.
bool fit_parts(rewriter& to, const json& value, std::string_view field, json& fitted) {
  if (value.is_string()) {
    fitted = value;
    return true;
  }
  if (value.is_null()) {
    fitted = "";
    return true;
  }
  if (!value.is_array())
    return to.refuse("invalid_request", std::string(field), "The content is text or a list of parts.");
  std::string text;
  json parts = json::array();
  bool only_text = true;
  for (auto const& part : value) {
    auto const type = member_text(part, "type");
    if (type == "input_text" || type == "output_text" || type == "text" || type == "refusal") {
      auto const said = member_text(part, type == "refusal" ? "refusal" : "text");
      append_part(text, said);
      parts.push_back(
          {{"type", type == "output_text" || type == "refusal" ? "output_text" : "input_text"}, {"text", said}});
    } else if (type == "input_image") {
      auto const url = member_text(part, "image_url");
      if (!check_image_url(to, url, std::string(field) + "[].image_url")) return false;
      auto const detail = member_text(part, "detail");
      parts.push_back({{"type", "input_image"}, {"detail", detail.empty() ? "auto" : detail}, {"image_url", url}});
      only_text = false;
    } else {
      return to.refuse("unsupported_content", std::string(field) + "[].type=" + std::string(type.substr(0, 100)),
                       "The local server reads text and images only; put the content into the text.");
    }
  }
  if (only_text) {
    to.note("text parts joined to one text");
    fitted = std::move(text);
  } else {
    fitted = std::move(parts);
  }
  return true;
}

bool add_item(rewriter& to, const json& item, json& list) {
  auto const type = member_text(item, "type");
  auto const role = member_text(item, "role");
  if (type == "message" || (type.empty() && !role.empty())) {
    json fitted = {{"type", "message"}, {"role", role == "developer" ? "system" : role}};
    if (role == "developer") to.note("role developer became system");
    if (!fit_parts(to, member(item, "content"), "input[].content", fitted["content"])) return false;
    list.push_back(std::move(fitted));
    return true;
  }
  if (type == "function_call") {
    std::string name(member_text(item, "name"));
    if (auto const space = member_text(item, "namespace"); !space.empty()) name = std::string(space) + "." + name;
    list.push_back({{"type", "function_call"},
                    {"call_id", member_text(item, "call_id")},
                    {"name", name},
                    {"arguments", fit_arguments(to, member(item, "arguments"))}});
    return true;
  }
  if (type == "function_call_output") {
    json fitted = {{"type", "function_call_output"}, {"call_id", member_text(item, "call_id")}};
    if (!fit_parts(to, member(item, "output"), "input[].output", fitted["output"])) return false;
    list.push_back(std::move(fitted));
    return true;
  }
  if (type == "reasoning") {
    // The local server would feed the cloud's ciphertext to the model as its own thoughts.
    to.note("dropped reasoning of an earlier turn");
    return true;
  }
  if (type == "web_search_call" || type == "file_search_call") {
    to.note("dropped records of searches made by the cloud");
    return true;
  }
  return to.refuse("unsupported_content", "input[].type=" + std::string(type.substr(0, 100)),
                   "The local server reads messages, function calls and their outputs only; leave this item out.");
}

bool rewrite_input(rewriter& to) {
  to.handled({"input"});
  auto const& input = to.get("input");
  if (input.is_string()) {
    to.out["input"] = input;
    return true;
  }
  if (!input.is_array()) return to.refuse("invalid_request", "input", "input is text or a list of items.");
  json list = json::array();
  for (auto const& item : input)
    if (!add_item(to, item, list)) return false;
  if (list.empty())
    return to.refuse("invalid_request", "input", "input holds nothing that the local model can answer.");
  to.out["input"] = std::move(list);
  return true;
}

bool rewrite_text(rewriter& to) {
  to.handled({"text"});
  if (!member(to.get("text"), "verbosity").is_null()) to.note("dropped text.verbosity");
  auto const& format = member(to.get("text"), "format");
  auto const type = member_text(format, "type");
  if (format.is_null() || type == "text") return true;
  json fitted = {{"type", "json_schema"}};
  if (type == "json_schema" && member(format, "schema").is_object()) {
    auto const name = member_text(format, "name");
    fitted["name"] = name.empty() ? "answer" : name;
    fitted["schema"] = member(format, "schema");
  } else if (type == "json_object") {
    // Ignored on this route; the widest schema says the same.
    to.note("text.format json_object became a schema for any object");
    fitted["name"] = "object";
    fitted["schema"] = {{"type", "object"}};
  } else {
    return to.refuse("unsupported_parameter", "text.format.type",
                     "The local server knows the formats text, json_object and json_schema only.");
  }
  to.out["text"] = {{"format", std::move(fitted)}};
  return true;
}

void rewrite_reasoning(rewriter& to) {
  to.handled({"reasoning"});
  auto const asked = member_text(to.get("reasoning"), "effort");
  if (!to.options.model_thinks) {
    if (!asked.empty()) to.note("dropped reasoning.effort: the local model does not think");
    return;
  }
  auto const effort = fit_effort(asked);
  if (effort != asked)
    to.note(effort.empty() ? "reasoning.effort set to none: its value is not known locally"
                           : "reasoning.effort became " + std::string(effort));
  to.out["reasoning"] = {{"effort", effort.empty() ? "none" : effort}};
}

}  // namespace

std::variant<replay_body, replay_refusal> rewrite_responses(rewriter& to) {
  if (!rewrite_input(to) || !rewrite_tools(to, tool_form::flat) || !rewrite_text(to)) return to.finish();
  rewrite_reasoning(to);
  to.keep({"instructions", "max_output_tokens", "temperature", "top_p", "stream"});
  return to.finish();
}

}  // namespace tideover::adapt::ollama
