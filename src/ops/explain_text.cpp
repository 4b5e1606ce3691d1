// The text of an explanation. From its JSON, so that the daemon's and one made here read the same.
#include <algorithm>

#include "tideover/config/values.hpp"
#include "tideover/ops/explain_report.hpp"

namespace tideover::ops {
namespace {

using json = nlohmann::ordered_json;

const json& member(const json& from, const char* name) {
  static const json nothing;
  auto const it = from.is_object() ? from.find(name) : from.end();
  return !from.is_object() || it == from.end() ? nothing : *it;
}

/// Fit for a terminal, word by word: sentences are longer than what `printable` leaves.
std::string clean(std::string_view text) {
  std::string made;
  while (!text.empty()) {
    auto const end = std::min(text.find(' '), text.size());
    made += config::printable(text.substr(0, end));
    if (end < text.size()) made += ' ';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return made;
}

std::string text_of(const json& from, const char* name) {
  const auto& value = member(from, name);
  if (value.is_string()) return clean(value.get_ref<const std::string&>());
  return value.is_null() ? std::string() : clean(value.dump());
}

bool is(const json& from, const char* name) { return member(from, name) == true; }

std::string list_of(const json& from, const char* separator = ", ") {
  std::string made;
  if (!from.is_array()) return made;
  for (const auto& one : from)
    made += (made.empty() ? "" : separator) + clean(one.is_string() ? one.get<std::string>() : one.dump());
  return made;
}

/// `label      text   (rule)`
class lines {
 public:
  void add(std::string label, const std::string& text, const std::string& rule = {}) {
    label.resize(std::max<std::size_t>(label.size() + 1, 13), ' ');
    out_ += label + text + (rule.empty() ? "" : "  [" + rule + "]") + "\n";
  }
  void more(const std::string& text, const std::string& rule = {}) { add("", text, rule); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_error(lines& out, const char* label, const json& error) {
  auto text = text_of(error, "status") + " " + text_of(error, "code");
  if (auto const field = text_of(error, "field"); !field.empty()) text += " (" + field + ")";
  out.add(label, text);
  if (auto const message = text_of(error, "message"); !message.empty()) out.more(message);
}

void write_request(lines& out, const json& told) {
  const auto& r = member(told, "request");
  auto text = text_of(r, "method") + " " + text_of(r, "path") + "  (" + text_of(r, "endpoint") + ")";
  if (auto const model = text_of(r, "model"); !model.empty()) text += "  model " + model;
  for (auto const* trait : {"stream", "reasoning", "tools", "images"})
    if (is(r, trait)) text += std::string(", ") + trait;
  out.add("request", text);
  if (auto const assumed = list_of(member(told, "assumed"), "; "); !assumed.empty()) out.more("assumed: " + assumed);
}

void write_rules(lines& out, const json& told) {
  if (const auto& client = member(told, "client"); client.is_object()) {
    auto const rate = text_of(client, "requests_per_minute");
    out.add("client", text_of(client, "name") + (rate.empty() ? "" : ", at most " + rate + " requests a minute"),
            text_of(client, "rule"));
  }
  if (const auto& w = member(told, "workflow"); w.is_object()) {
    out.add("workflow", text_of(w, "name"), text_of(w, "rule"));
    if (auto const also = list_of(member(w, "also")); !also.empty())
      out.more("named as well: " + also + ", which can only tighten");
  }
  if (const auto& p = member(told, "policy"); p.is_object())
    out.add("policy", text_of(p, "name") + (is(p, "tightened") ? ", the stricter one" : ""), text_of(p, "rule"));
  const auto& contingency = member(told, "contingency");
  if (member(told, "workflow").is_object() && !is(contingency, "active")) out.add("contingency", "off");
  bool first = true;
  for (const auto& cause : member(contingency, "causes")) {
    auto text = "ON for " + text_of(cause, "workflow") + ": no cloud is asked";
    if (auto const who = text_of(cause, "who"); !who.empty()) text += ", says " + who + ": " + text_of(cause, "reason");
    if (auto const until = text_of(cause, "until"); !until.empty()) text += ", until " + until;
    out.add(std::exchange(first, false) ? "contingency" : "", text, text_of(cause, "rule"));
  }
  if (const auto& replay = member(told, "replayable"); is(replay, "value") == false && replay.is_object()) {
    if (member(told, "upstreams").empty()) return;  // refused before that counted
    auto const field = text_of(replay, "field");
    out.add("replay", "no: only the first candidate may have it" + (field.empty() ? "" : " (" + field + ")"));
    out.more(text_of(replay, "text"));
  }
}

void write_limits(lines& out, const json& u, bool stream) {
  for (const auto& limit : member(u, "limits")) {
    auto const of = text_of(limit, "of");
    std::string const what = of == "connect"   ? "connected within "
                             : of == "content" ? (stream ? "first content within " : "the whole answer within ")
                             : of == "idle"    ? "never silent for "
                                               : "over within ";
    out.more(what + text_of(limit, "span"), text_of(limit, "rule"));
  }
  if (const auto& hedge = member(u, "hedge"); hedge.is_object())
    out.more("the next one starts beside it after " + text_of(hedge, "after"), text_of(hedge, "rule"));
  if (const auto& retries = member(u, "retries"); retries.is_number_unsigned() && retries != 0u)
    out.more("asked again up to " + retries.dump() + " times, where nothing can have been processed",
             "upstreams." + text_of(u, "upstream") + ".retry");
}

void write_headers(lines& out, const json& u) {
  const auto& headers = member(u, "headers");
  for (auto const* what : {"dropped", "replaced"})
    if (auto const names = list_of(member(headers, what)); !names.empty())
      out.more("headers " + std::string(what) + ": " + names);
}

void write_window(lines& out, const json& local) {
  const auto& window = member(local, "window");
  auto const prompt = text_of(local, "prompt_tokens");
  if (!window.is_object()) {
    if (!prompt.empty()) out.more("prompt of about " + prompt + " tokens");
    return;
  }
  auto const size = text_of(window, "num_ctx");
  std::string text = "prompt of about " + prompt + " tokens: ";
  text += !is(window, "fits") ? "at most " + text_of(window, "largest") + " may be asked for"
          : size.empty()      ? "the server's own window holds it"
          : is(local, "loaded") && !is(window, "loads_again") ? "its loaded window of " + size + " holds it"
                                                              : "asks for a window of " + size;
  if (is(window, "loads_again")) text += ", for which the model is loaded again";
  out.more(text, text_of(window, "rule"));
}

void write_local(lines& out, const json& local) {
  auto const model = text_of(local, "model");
  bool const is_refused = member(local, "refused").is_object();
  if (!model.empty()) {
    const auto& loaded = member(local, "loaded");
    auto const state = loaded.is_null() ? "" : loaded == true ? ", loaded" : ", has to be loaded";
    out.more("model " + model + state, text_of(local, "why"));
  }
  if (text_of(local, "rule").empty() || is_refused)
    for (const auto& m : member(local, "considered"))
      if (text_of(m, "model") != model)
        out.more((is(m, "eligible") ? "or model " : "not model ") + text_of(m, "model") + ": " + text_of(m, "note"));
  if (is(local, "as_it_came")) out.more("passed on as it came");
  if (const auto& refused = member(local, "refused"); refused.is_object())
    out.more("NOT POSSIBLE: " + text_of(refused, "code") + ": " + text_of(refused, "message"));
  write_window(out, local);
  if (const auto& prompt = member(local, "system_prompt"); prompt.is_object())
    out.more("system prompt of the workflow (" + text_of(prompt, "mode") + ")", text_of(prompt, "rule"));
  if (auto const rule = text_of(local, "parameters"); !rule.empty())
    out.more("parameters of the workflow for what is left open", rule);
  if (const auto& changes = member(local, "changes"); changes.is_array())
    for (const auto& change : changes)
      out.more("changed: " + clean(change.is_string() ? change.get<std::string>() : ""));
  if (is(local, "tool_call_demanded"))
    out.more("a tool call is demanded: the answer is checked, and asked for once more");
  if (const auto& queue = member(local, "queue"); queue.is_object())
    out.more(text_of(queue, "busy") + " being served, " + text_of(queue, "waiting") + " waiting; a place in about " +
                 text_of(queue, "expected_wait_seconds") + " s",
             text_of(queue, "rule"));
}

void write_upstreams(lines& out, const json& told) {
  for (const auto& u : member(told, "upstreams")) {
    auto const asked = text_of(u, "asked");
    auto const who = text_of(u, "tier") + " " + text_of(u, "upstream");
    if (asked == "skipped" || asked == "never") {
      auto text = text_of(u, "text");
      if (auto const left = text_of(u, "for_seconds"); !left.empty()) text += ", for " + left + " s more";
      out.add(who, (asked == "skipped" ? "skipped: " : "not asked: ") + text, text_of(u, "rule"));
      continue;
    }
    auto text = asked == "first" ? std::string("is asked first") : "is asked next, if the ones before fail";
    auto const key = text_of(u, "credential");
    if (text_of(u, "tier") == "cloud")
      text += key == "none" ? ", without a key" : key == "configured" ? ", with its own key" : ", with " + key + " key";
    out.add(who, text, text_of(u, "rule"));
    if (const auto& local = member(u, "local"); local.is_object()) write_local(out, local);
    if (const auto& changes = member(u, "changes"); changes.is_array())
      for (const auto& change : changes)
        out.more("changed: " + clean(change.is_string() ? change.get<std::string>() : ""));
    write_limits(out, u, is(member(told, "request"), "stream"));
    write_headers(out, u);
  }
}

bool asks_a_cloud(const json& told) {
  const auto& all = member(told, "upstreams");
  return std::any_of(all.begin(), all.end(), [](const json& u) {
    return text_of(u, "tier") == "cloud" && (text_of(u, "asked") == "first" || text_of(u, "asked") == "next");
  });
}

void write_outcome(lines& out, const json& told) {
  if (const auto& stream = member(told, "stream"); stream.is_object())
    out.add("stream", "if it is cut after content was sent: " + text_of(stream, "on_cut"), text_of(stream, "rule"));
  if (const auto& deadline = member(told, "deadline"); deadline.is_object() && !member(told, "upstreams").empty())
    out.add("deadline", text_of(deadline, "span") + " for everything", text_of(deadline, "rule"));
  const auto& outcome = member(told, "outcome");
  if (auto const upstream = text_of(outcome, "upstream"); !upstream.empty()) {
    auto text = text_of(outcome, "tier") + ", by " + upstream;
    if (auto const model = text_of(outcome, "model"); !model.empty()) text += " with " + model;
    auto const why = text_of(outcome, "failover");
    out.add("answer", text + (why.empty() ? "" : "; X-Tideover-Failover: " + why));
    if (const auto& last = member(told, "if_all_fail"); last.is_object()) {
      auto const what = last.contains("estimate") ? "with an estimate" : text_of(last, "code");
      out.add("else", text_of(last, "status") + " " + what + (asks_a_cloud(told) ? ", or the cloud's own error" : ""));
    }
  } else if (member(outcome, "error").is_object()) {
    write_error(out, "answer", member(outcome, "error"));
  } else if (outcome.is_object() && outcome.contains("estimate")) {
    out.add("answer", "an estimate: " + text_of(outcome, "estimate") + " tokens");
  }
  for (const auto& what : member(told, "unknown"))
    out.add("not known", clean(what.is_string() ? what.get<std::string>() : ""));
}

}  // namespace

std::string explain_text(const json& told) {
  lines out;
  out.add("facts", (text_of(told, "source") == "daemon" ? "of the running daemon, " : "of the configuration alone, ") +
                       text_of(told, "configuration"));
  if (auto const asked = text_of(told, "models_asked_of"); !asked.empty()) out.more("models: " + asked + " was asked");
  write_request(out, told);
  write_rules(out, told);
  write_upstreams(out, told);
  write_outcome(out, told);
  return out.take();
}

}  // namespace tideover::ops
