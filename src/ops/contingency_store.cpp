#include "tideover/ops/contingency_store.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "tideover/ops/durable_file.hpp"

namespace tideover::ops {

namespace {

using json = nlohmann::ordered_json;
constexpr int file_version = 1;

std::optional<policy::contingency_decision> read_one(const json& from) {
  auto const text = [&](const char* name) -> std::optional<std::string> {
    auto const it = from.find(name);
    if (it == from.end() || !it->is_string()) return std::nullopt;
    return it->get<std::string>();
  };
  if (!from.is_object()) return std::nullopt;
  auto const workflow = text("workflow"), reason = text("reason"), who = text("who");
  auto const since = from.find("since"), until = from.find("until");
  if (!workflow || workflow->empty() || !reason || !who) return std::nullopt;
  if (since == from.end() || !since->is_number_integer() || until == from.end()) return std::nullopt;
  if (!until->is_null() && !until->is_number_integer()) return std::nullopt;
  policy::contingency_decision made;
  made.workflow = *workflow;
  made.reason = *reason;
  made.who = *who;
  made.since = since->get<std::int64_t>();
  if (!until->is_null()) made.until = until->get<std::int64_t>();
  return made;
}

}  // namespace

std::string write_decisions(const std::vector<policy::contingency_decision>& decisions) {
  json document{{"version", file_version}, {"decisions", json::array()}};
  for (const auto& d : decisions) {
    json one{{"workflow", d.workflow}, {"reason", d.reason}, {"who", d.who}, {"since", d.since}};
    one["until"] = d.until ? json(*d.until) : json(nullptr);
    document["decisions"].push_back(std::move(one));
  }
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<std::vector<policy::contingency_decision>> read_decisions(std::string_view text) {
  auto const document = json::parse(text, nullptr, false);
  if (!document.is_object() || document.value("version", json()) != json(file_version)) return std::nullopt;
  auto const list = document.find("decisions");
  if (list == document.end() || !list->is_array()) return std::nullopt;
  std::vector<policy::contingency_decision> all;
  for (const auto& entry : *list) {
    auto one = read_one(entry);
    if (!one) return std::nullopt;  // one that cannot be read may be the one that matters
    all.push_back(std::move(*one));
  }
  return all;
}

contingency_store::content contingency_store::load() {
  content found;
  if (directory_.empty()) return found;
  auto const file = read_small_file(path());
  known_text_ = file.text;
  if (file.missing) return found;
  if (!file.text) {
    found.problem = file.problem;
    return found;
  }
  if (auto decisions = read_decisions(*file.text)) {
    found.decisions = std::move(*decisions);
    return found;
  }
  found.problem = path() + ": is not what Tideover wrote";
  // A copy for whoever wants to know what it said. The file itself stays until it is replaced by something readable: a
  // missing one would mean that nobody ever decided anything.
  found.set_aside = replace_file(path() + ".unreadable", *file.text, 0600).empty();
  return found;
}

std::string contingency_store::save(const std::vector<policy::contingency_decision>& decisions) {
  if (directory_.empty()) return "there is no state directory";
  auto problem = borrow_lock();
  if (problem.empty()) {
    auto text = write_decisions(decisions);
    problem = replace_file(path(), text, 0600);
    if (problem.empty()) known_text_ = std::move(text);
  }
  if (handed_over_) lock_->release();
  return problem;
}

void contingency_store::hand_over() {
  if (lock_ == nullptr) return;
  handed_over_ = true;
  lock_->release();
}

std::string contingency_store::taken_over() {
  auto why = borrow_lock();
  if (handed_over_) lock_->release();
  return why;
}

/// Empty: the file is this process's to replace, until the lock is released.
std::string contingency_store::borrow_lock() {
  if (lock_ == nullptr) return {};
  if (!lock_->take()) return lock_->holder() + " keeps the decisions of " + directory_;
  if (handed_over_ && read_small_file(path()).text != known_text_) return "another Tideover has decided since";
  return {};
}

}  // namespace tideover::ops
