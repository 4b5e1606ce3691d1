#include "cloud_streams.hpp"

namespace tideover::adapt::chat::answer {

using ordered = nlohmann::ordered_json;

namespace {

template <class Json>
std::string named_event(const Json& object, bool ascii) {
  return "event: " + object["type"].template get<std::string>() + "\ndata: " + object.dump(-1, ' ', ascii) + "\n\n";
}

std::vector<std::string> chunks(bool legacy, const std::vector<std::string>& parts, const cloud_style& style) {
  std::vector<std::string> events;
  const auto chunk = [&](const ordered& choices, const ordered& usage) {
    ordered o{{"id", legacy ? "cmpl-cloud" : "chatcmpl-cloud"},
              {"object", legacy ? "text_completion" : "chat.completion.chunk"},
              {"created", 1764155707},
              {"model", "gpt-5-2026"}};
    if (style.fills) o["service_tier"] = "default";
    if (style.fills) o["system_fingerprint"] = "fp_1";
    o["choices"] = choices;
    if (style.include_usage) o["usage"] = usage;
    if (style.fills) o["obfuscation"] = std::string(events.size() % 7, 'x');
    events.push_back("data: " + o.dump(-1, ' ', style.ascii) + "\n\n");
  };
  const auto say = [&](const ordered& delta, const ordered& finish) {
    ordered choice{{"index", 0}};
    if (legacy) {
      choice["text"] = delta.is_string() ? delta : ordered("");
      choice["logprobs"] = nullptr;
    } else {
      choice["delta"] = delta.is_string() ? ordered{{"content", delta}} : delta;
    }
    choice["finish_reason"] = finish;
    chunk(ordered::array({choice}), nullptr);
  };
  if (!legacy) say(ordered{{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}, nullptr);
  for (const auto& part : parts) {
    say(part, nullptr);
    if (style.fills) events.emplace_back(": keep-alive\n\n");
  }
  say(ordered::object(), "stop");
  if (style.include_usage)
    chunk(ordered::array(), {{"prompt_tokens", 1}, {"completion_tokens", 2}, {"total_tokens", 3}});
  events.emplace_back("data: [DONE]\n\n");
  return events;
}

std::vector<std::string> response(const std::vector<std::string>& parts, const cloud_style& style) {
  std::vector<std::string> events;
  const auto add = [&](std::string_view type, ordered members) {
    ordered o{{"type", type}, {"sequence_number", events.size()}};
    o.update(members);
    if (style.fills && type.ends_with(".delta")) o["obfuscation"] = "xx";
    events.push_back(named_event(o, style.ascii));
  };
  ordered r{{"id", "resp_cloud"},
            {"object", "response"},
            {"created_at", 1764155707},
            {"status", "in_progress"},
            {"background", false},
            {"error", nullptr},
            {"incomplete_details", nullptr},
            {"instructions", "Bé brief"},
            {"max_output_tokens", nullptr},
            {"model", "gpt-5-2026"},
            {"output", ordered::array()},
            {"parallel_tool_calls", true},
            {"temperature", 1.0},
            {"tool_choice", "auto"},
            {"tools", ordered::array({{{"type", "function"}, {"name", "f"}}})},
            {"top_p", 0.5},
            {"usage", nullptr},
            {"metadata", ordered::object()}};
  add("response.created", {{"response", r}});
  add("response.in_progress", {{"response", r}});
  ordered item{{"id", "msg_cloud"},
               {"type", "message"},
               {"status", "in_progress"},
               {"content", ordered::array()},
               {"role", "assistant"}};
  if (style.fills) item["phase"] = "final_answer";
  ordered part{
      {"type", "output_text"}, {"annotations", ordered::array()}, {"logprobs", ordered::array()}, {"text", ""}};
  const ordered place{{"item_id", "msg_cloud"}, {"output_index", 0}, {"content_index", 0}};
  const auto at_place = [&](ordered members) {
    ordered all = place;
    all.update(members);
    return all;
  };
  add("response.output_item.added", {{"output_index", 0}, {"item", item}});
  add("response.content_part.added", at_place({{"part", part}}));
  std::string all;
  for (const auto& piece : parts) {
    all += piece;
    add("response.output_text.delta", at_place({{"delta", piece}, {"logprobs", ordered::array()}}));
  }
  add("response.output_text.done", at_place({{"text", all}, {"logprobs", ordered::array()}}));
  part["text"] = all;
  add("response.content_part.done", at_place({{"part", part}}));
  item["content"] = ordered::array({part});
  item["status"] = "completed";
  add("response.output_item.done", {{"output_index", 0}, {"item", item}});
  r["output"] = ordered::array({item});
  r["status"] = "completed";
  add("response.completed", {{"response", r}});
  return events;
}

std::vector<std::string> message(const std::vector<std::string>& parts, const cloud_style& style) {
  std::vector<std::string> events;
  const auto add = [&](const ordered& o) { events.push_back(named_event(o, style.ascii)); };
  add({{"type", "message_start"},
       {"message",
        {{"id", "msg_cloud"},
         {"type", "message"},
         {"role", "assistant"},
         {"model", "claude-5"},
         {"content", ordered::array()},
         {"stop_reason", nullptr},
         {"stop_sequence", nullptr},
         {"usage", {{"input_tokens", 77}, {"cache_read_input_tokens", 5}, {"output_tokens", 1}}}}}});
  add({{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}}}});
  for (const auto& piece : parts) {
    add({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", piece}}}});
    if (style.fills) add({{"type", "ping"}});
  }
  add({{"type", "content_block_stop"}, {"index", 0}});
  add({{"type", "message_delta"},
       {"delta", {{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}}},
       {"usage", {{"output_tokens", 9}}}});
  add({{"type", "message_stop"}});
  return events;
}

}  // namespace

std::vector<std::string> cloud_stream(endpoint what, const std::vector<std::string>& parts, const cloud_style& style) {
  switch (what) {
    case endpoint::responses: return response(parts, style);
    case endpoint::messages: return message(parts, style);
    default: return chunks(what == endpoint::completions, parts, style);
  }
}

std::string named(const json& object, bool ascii) { return named_event(object, ascii); }
std::string data(const json& object, bool ascii) { return "data: " + object.dump(-1, ' ', ascii) + "\n\n"; }

}  // namespace tideover::adapt::chat::answer
