#include "as_a_caller.hpp"

#include <map>
#include <set>

namespace tideover::adapt::chat::answer {

namespace {

std::string text_at(const json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
}

class stream_checker {
 public:
  stream_checker(endpoint what, read_answer& into) : what_(what), r_(into) {}

  void take(const sent_event& e) {
    if (r_.terminators + r_.errors > 0) trouble("an event after the end");
    if (e.data == "[DONE]") {
      ++r_.terminators;
      if (what_ == endpoint::responses || what_ == endpoint::messages) trouble("[DONE] on a route without it");
      if (r_.finish.empty()) trouble("[DONE] without a finish reason");
      return;
    }
    if (!e.object.is_object()) return trouble("data is no object: " + e.data);
    switch (what_) {
      case endpoint::responses: return response(e);
      case endpoint::messages: return message(e);
      default: return chunk(e);
    }
  }

 private:
  void trouble(std::string text) { r_.trouble.push_back(std::move(text)); }
  void require(bool truth, const char* what) {
    if (!truth) trouble(what);
  }
  void same(std::string& known, const std::string& now, const char* what) {
    if (known.empty()) known = now;
    require(!now.empty() && known == now, what);
  }

  void chunk(const sent_event& e) {
    require(e.name.empty(), "a chunk has no event name");
    if (e.object.contains("error")) {
      ++r_.errors;
      r_.error_code = text_at(e.object["error"], "code");
      r_.error_message = text_at(e.object["error"], "message");
      return;
    }
    const bool legacy = what_ == endpoint::completions;
    same(r_.id, text_at(e.object, "id"), "the id changes");
    same(r_.model, text_at(e.object, "model"), "the model changes");
    same(created_, e.object["created"].dump(), "created changes");
    require(e.object["object"] == (legacy ? "text_completion" : "chat.completion.chunk"), "object");
    if (e.object.contains("usage") && !e.object["usage"].is_null()) {
      require(e.object["choices"].empty(), "usage beside choices");
      require(!r_.finish.empty(), "usage before the end");
      r_.usage = e.object["usage"];
    }
    require(r_.usage.is_null() || e.object["choices"].empty(), "choices after usage");
    for (const auto& choice : e.object["choices"]) {
      require(choice["index"] == 0, "index");
      require(r_.finish.empty(), "a choice after its finish reason");
      require(choice.contains("finish_reason"), "finish_reason must be there, null or not");
      if (choice["finish_reason"].is_string()) r_.finish = choice["finish_reason"];
      if (legacy) {
        r_.text += choice["text"].get<std::string>();
      } else {
        delta(choice["delta"]);
      }
    }
  }

  void delta(const json& d) {
    if (d.contains("role")) {
      require(d["role"] == "assistant" && !role_seen_, "role twice");
      role_seen_ = true;
    }
    require(role_seen_ || d.empty(), "the first chunk has the role");
    r_.text += text_at(d, "content");
    r_.reasoning += text_at(d, "reasoning");
    if (!d.contains("tool_calls")) return;
    for (const auto& call : d["tool_calls"]) {
      const std::size_t index = call["index"];
      if (index == r_.calls.size()) {
        require(call["type"] == "function", "type");
        r_.calls.push_back({call["id"], call["function"]["name"], ""});
        require(!r_.calls.back().id.empty() && !r_.calls.back().name.empty(), "a call without id or name");
      } else {
        require(index < r_.calls.size() && !call.contains("id"), "an index that leaps, or an id twice");
      }
      if (index < r_.calls.size()) r_.calls[index].arguments += call["function"]["arguments"].get<std::string>();
    }
  }

  void message(const sent_event& e) {
    const auto& o = e.object;
    require(o["type"] == e.name, "name and type differ");
    if (e.name == "ping") return;
    if (e.name == "error") {
      ++r_.errors;
      r_.error_code = text_at(o["error"]["details"], "error_code");
      r_.error_message = text_at(o["error"], "message");
      return;
    }
    if (e.name == "message_start") {
      const auto& m = o["message"];
      require(r_.id.empty(), "message_start twice");
      r_.id = m["id"];
      r_.model = m["model"];
      r_.usage = m["usage"];
      require(m["role"] == "assistant" && m["type"] == "message" && m["content"].is_array() && m["content"].empty() &&
                  m.contains("stop_reason") && m["stop_reason"].is_null() && m.contains("stop_sequence") &&
                  m["stop_sequence"].is_null() && m["usage"].contains("output_tokens"),
              "message_start");
      return;
    }
    require(!r_.id.empty(), "message_start must be first");
    if (e.name == "content_block_start") {
      require(block_.is_null(), "a block inside a block");
      require(o["index"] == next_block_, "block index");
      block_ = o["content_block"];
      signed_ = false;
      if (block_["type"] == "tool_use") r_.calls.push_back({block_["id"], block_["name"], ""});
    } else if (e.name == "content_block_delta") {
      require(!block_.is_null() && o["index"] == next_block_, "a delta outside of its block");
      const auto& d = o["delta"];
      if (d["type"] == "text_delta") {
        require(block_["type"] == "text", "text in another block");
        r_.text += d["text"].get<std::string>();
      } else if (d["type"] == "thinking_delta") {
        require(block_["type"] == "thinking" && !signed_, "thinking in another block");
        r_.reasoning += d["thinking"].get<std::string>();
      } else if (d["type"] == "signature_delta") {
        require(block_["type"] == "thinking", "a signature in another block");
        r_.signature = d["signature"];
        signed_ = true;
      } else if (d["type"] == "input_json_delta") {
        require(block_["type"] == "tool_use", "input in another block");
        r_.calls.back().arguments += d["partial_json"].get<std::string>();
      } else {
        trouble("unknown delta");
      }
    } else if (e.name == "content_block_stop") {
      require(!block_.is_null() && o["index"] == next_block_, "content_block_stop");
      block_ = nullptr;
      ++next_block_;
    } else if (e.name == "message_delta") {
      require(block_.is_null() && r_.finish.empty(), "message_delta");
      require(o["delta"].contains("stop_sequence"), "stop_sequence must be there");
      r_.finish = o["delta"]["stop_reason"];
      for (const auto& [key, value] : o["usage"].items()) r_.usage[key] = value;
    } else if (e.name == "message_stop") {
      require(!r_.finish.empty(), "message_stop without message_delta");
      ++r_.terminators;
    } else {
      trouble("unknown event " + e.name);
    }
  }

  void response(const sent_event& e) {
    const auto& o = e.object;
    require(o["type"] == e.name, "name and type differ");
    require(o["sequence_number"] == next_number_, "sequence number");
    ++next_number_;
    if (e.name == "error") {
      ++r_.errors;
      r_.error_code = text_at(o, "code");
      r_.error_message = text_at(o, "message");
      return;
    }
    if (o.contains("response")) return response_object(e.name, o["response"]);
    require(!r_.id.empty(), "response.created must be first");
    if (e.name == "response.output_item.added") {
      require(item_.is_null() && o["output_index"] == output_.size(), "an item inside an item");
      require(o["item"]["status"] == "in_progress", "status of a new item");
      item_ = o["item"];
      require(ids_.insert(item_["id"].get<std::string>()).second, "item ids are unique");
      said_.clear();
      if (item_["type"] == "function_call") r_.calls.push_back({item_["call_id"], item_["name"], ""});
      return;
    }
    require(!item_.is_null() && o["output_index"] == output_.size(), "an event outside of its item");
    if (e.name == "response.output_item.done") {
      require(o["item"]["id"] == item_["id"] && o["item"]["type"] == item_["type"], "another item is done");
      output_.push_back(o["item"]);
      item_ = nullptr;
      return;
    }
    require(o["item_id"] == item_["id"], "item_id");
    const bool is_text = item_["type"] == "message";
    if (is_text) require(o["content_index"] == 0, "content_index");
    if (item_["type"] == "reasoning") require(o["summary_index"] == 0, "summary_index");
    if (e.name.ends_with(".delta")) {
      if (is_text) require(o["logprobs"].is_array(), "logprobs of a delta");
      const auto piece = o["delta"].get<std::string>();
      said_ += piece;
      if (is_text) r_.text += piece;
      if (item_["type"] == "reasoning") r_.reasoning += piece;
      if (item_["type"] == "function_call") r_.calls.back().arguments += piece;
    } else if (e.name == "response.output_text.done" || e.name == "response.reasoning_summary_text.done") {
      require(o["text"] == said_, "the whole text is not what the deltas said");
    } else if (e.name == "response.function_call_arguments.done") {
      require(o["arguments"] == said_ && o["name"] == item_["name"], "the arguments are not what the deltas said");
    } else if (e.name == "response.content_part.done" || e.name == "response.reasoning_summary_part.done") {
      require(o["part"]["text"] == said_, "the part's text is not what the deltas said");
    } else if (e.name != "response.content_part.added" && e.name != "response.reasoning_summary_part.added") {
      trouble("unknown event " + e.name);
    }
  }

  void response_object(const std::string& name, const json& r) {
    same(r_.id, text_at(r, "id"), "the id changes");
    same(r_.model, text_at(r, "model"), "the model changes");
    same(created_, r["created_at"].dump(), "created_at changes");
    for (const char* member : {"error", "incomplete_details", "instructions", "metadata", "parallel_tool_calls",
                               "temperature", "tool_choice", "tools", "top_p", "usage", "output", "object", "status"})
      require(r.contains(member), member);
    if (name == "response.created" || name == "response.in_progress") {
      require(r["status"] == "in_progress" && r["output"].empty(), "the response begins");
      return;
    }
    ++r_.terminators;
    require(item_.is_null(), "the end inside an item");
    require(r["output"] == output_, "the output is not what the items were");
    require("response." + text_at(r, "status") == name, "status");
    r_.finish = r["status"];
    if (r["incomplete_details"].is_object()) r_.finish += ": " + text_at(r["incomplete_details"], "reason");
    r_.usage = r["usage"];
  }

  endpoint what_;
  read_answer& r_;
  std::string created_, said_;
  bool role_seen_ = false;
  bool signed_ = false;  // the thinking block that is open
  json block_, item_;
  int next_block_ = 0, next_number_ = 0;
  json output_ = json::array();
  std::set<std::string> ids_;
};

}  // namespace

std::vector<sent_event> events_of(std::string_view stream) {
  std::vector<sent_event> events;
  while (!stream.empty()) {
    const auto end = stream.find("\n\n");
    auto text = stream.substr(0, end);
    sent_event e;
    if (end == std::string_view::npos) {
      events.push_back({"torn", std::string(text), json(json::value_t::discarded)});
      break;
    }
    stream.remove_prefix(end + 2);
    bool comment = false;
    while (!text.empty()) {
      const auto line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      if (line.starts_with("event: "))
        e.name = line.substr(7);
      else if (line.starts_with("data: "))
        e.data = line.substr(6);
      else if (line.starts_with(":"))
        comment = true;
      else
        e.name = "strange line";
    }
    if (comment) continue;
    e.object = json::parse(e.data, nullptr, false);
    events.push_back(std::move(e));
  }
  return events;
}

read_answer read_stream(endpoint what, std::string_view stream) {
  read_answer r;
  stream_checker checker(what, r);
  for (const auto& e : events_of(stream)) {
    try {
      checker.take(e);
    } catch (const json::exception& broken) {
      r.trouble.push_back(std::string(broken.what()) + " in " + e.data);
    }
  }
  return r;
}

read_answer read_body(endpoint what, std::string_view body) {
  read_answer r;
  try {
    const json o = json::parse(body);
    r.id = o.at("id");
    r.model = o.at("model");
    r.usage = o.at("usage");
    if (what == endpoint::messages) {
      r.finish = o.at("stop_reason");
      if (!o.at("stop_sequence").is_null()) r.trouble.emplace_back("stop_sequence");
      for (const auto& block : o.at("content")) {
        if (block.at("type") == "text") r.text += block.at("text").get<std::string>();
        if (block.at("type") == "thinking") {
          r.reasoning += block.at("thinking").get<std::string>();
          r.signature = block.at("signature");
        }
        if (block.at("type") == "tool_use")
          r.calls.push_back({block.at("id"), block.at("name"), block.at("input").dump()});
      }
    } else if (what == endpoint::responses) {
      r.finish = o.at("status");
      if (!o.at("incomplete_details").is_null())
        r.finish += ": " + o.at("incomplete_details").at("reason").get<std::string>();
      for (const auto& item : o.at("output")) {
        if (item.at("type") == "message")
          for (const auto& part : item.at("content")) r.text += part.at("text").get<std::string>();
        if (item.at("type") == "reasoning")
          for (const auto& part : item.at("summary")) r.reasoning += part.at("text").get<std::string>();
        if (item.at("type") == "function_call")
          r.calls.push_back({item.at("call_id"), item.at("name"), item.at("arguments")});
      }
    } else {
      const auto& choice = o.at("choices").at(0);
      r.finish = choice.at("finish_reason");
      if (what == endpoint::completions) {
        r.text = choice.at("text");
      } else {
        const auto& m = choice.at("message");
        if (m.at("role") != "assistant") r.trouble.emplace_back("role");
        r.text = text_at(m, "content");
        r.reasoning = text_at(m, "reasoning");
        if (m.contains("tool_calls"))
          for (const auto& call : m.at("tool_calls"))
            r.calls.push_back({call.at("id"), call.at("function").at("name"), call.at("function").at("arguments")});
      }
    }
    ++r.terminators;
  } catch (const json::exception& broken) {
    r.trouble.emplace_back(broken.what());
  }
  return r;
}

std::ostream& operator<<(std::ostream& out, const read_call& call) {
  return out << call.id << ' ' << call.name << '(' << call.arguments << ')';
}

void PrintTo(const event& e, std::ostream* out) {
  struct printer {
    std::ostream& o;
    void operator()(const begin& v) const { o << "begin " << v.model; }
    void operator()(const text_delta& v) const { o << "text \"" << v.text << '"'; }
    void operator()(const reasoning_delta& v) const { o << "reasoning \"" << v.text << '"'; }
    void operator()(const tool_call& v) const {
      o << "call " << v.index << ' ' << v.id << ' ' << v.name << '(' << v.arguments << ')' << v.complete;
    }
    void operator()(const logprobs& v) const {
      o << "logprobs";
      for (const auto& t : v.tokens) o << ' ' << t.token << '=' << t.logprob << t.bytes << t.top.size();
    }
    void operator()(const usage& v) const { o << "usage " << v.prompt << '+' << v.completion; }
    void operator()(const timings& v) const { o << "timings " << v.eval_count << '/' << v.eval_duration; }
    void operator()(const finish& v) const { o << "finish " << static_cast<int>(v.why); }
    void operator()(const error& v) const { o << "error " << v.type << ": " << v.message; }
  };
  std::visit(printer{*out}, e);
}

}  // namespace tideover::adapt::chat::answer
