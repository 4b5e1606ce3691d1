#include "tideover/app/operator_commands.hpp"

#include <unistd.h>

#include <chrono>
#include <ostream>
#include <thread>

#include "daemon_answer.hpp"
#include "problems_json.hpp"
#include "public_part.hpp"
#include "tideover/app/admin_client.hpp"
#include "tideover/config/places.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {

namespace {

using nlohmann::json;
constexpr auto between_looks = std::chrono::seconds(1);

std::string padded(std::string text) {
  text.resize(std::max<std::size_t>(text.size() + 2, 13), ' ');
  return text;
}

std::string until_text(const json& from) {
  auto const until = text_of(from, "until");
  return until.empty() ? "" : " until " + until;
}

}  // namespace

std::string admin_socket_for(const daemon_door& door, const config::surroundings& world) {
  if (door.socket) return *door.socket;
  config::overrides flags;
  flags.config_file = door.config_file;
  // A file that cannot be read is no reason not to try where the socket usually is.
  auto const loaded = load_public_part(flags, world);
  if (loaded.ok() && !loaded.snapshot->admin.socket_path.empty()) return loaded.snapshot->admin.socket_path;
  auto const usual = config::usual_admin_sockets(world);
  for (const auto& path : usual)
    if (world.exists(path)) return path;
  return usual.front();
}

std::string contingency_text(const json& told) {
  bool const on = member(told, "active") == true;
  std::string text = on ? "contingency is ON for " : "contingency is off\n";
  if (on) {
    std::string names;
    if (member(told, "all") == true) names = "everything";
    if (names.empty())
      for (const auto& name : member(told, "workflows"))
        names += (names.empty() ? "" : ", ") + config::printable(name.is_string() ? name.get<std::string>() : "");
    text += names + ": no cloud is asked\n";
  }
  for (const auto& source : member(told, "sources")) {
    text += "  " + text_of(source, "workflow") + ": by ";
    if (auto const how = text_of(source, "how_to_lift"); !how.empty()) {
      text += text_of(source, "source") + "; to lift it, " + how + "\n";
    } else {
      text += text_of(source, "who") + " since " + text_of(source, "since") + until_text(source) + ": " +
              text_of(source, "reason") + "\n";
    }
  }
  if (member(told, "persisted") == false)
    text += "  This would not survive a restart: " + text_of(told, "problem") + "\n";
  return text;
}

std::string status_text(const json& told) {
  std::string text = padded("Tideover") + text_of(told, "version") + ", " + text_of(told, "state") + " since " +
                     text_of(member(told, "process"), "started") + ", pid " + text_of(member(told, "process"), "pid") +
                     "\n";
  text += padded("health") + text_of(told, "health") + "\n";
  text += padded("config") + text_of(member(told, "config"), "source") + "\n";
  if (const auto& reload = member(member(told, "config"), "last_reload"); reload.is_object())
    text += padded("") + (reload.value("ok", false) ? "reloaded " : "RELOAD FAILED ") + text_of(reload, "at") +
            (reload.contains("problem") ? ": " + text_of(reload, "problem") : "") + "\n";
  for (const auto& address : member(member(told, "listeners"), "proxy"))
    text += padded("proxy") + (address.is_string() ? config::printable(address.get<std::string>()) : "") + "\n";
  for (const auto& u : member(told, "upstreams")) {
    text += padded(text_of(u, "tier")) + text_of(u, "title") + "  " + text_of(u, "url") + "  ";
    text += member(u, "up") == true ? "up" : "DOWN";
    if (auto const problem = text_of(u, "problem"); !problem.empty()) text += " (" + problem + ")";
    const auto& breaker = member(u, "breaker");
    if (breaker.is_object() && text_of(breaker, "state") != "closed")
      text += "  breaker " + text_of(breaker, "state") + " (" + text_of(breaker, "reason") + ")" + until_text(breaker);
    text += "\n";
    for (const auto& m : member(u, "models_refused"))
      text += padded("") + text_of(m, "model") + ": " + text_of(m, "state") + " (" + text_of(m, "reason") + ")" +
              until_text(m) + "\n";
  }
  const auto& models = member(member(told, "local"), "models");
  text += padded("models") + std::to_string(models.size()) + " installed locally\n";
  text += contingency_text(member(told, "contingency"));
  if (member(member(told, "journal"), "writable") == false)
    text += padded("journal") + "NOT WRITTEN: " + text_of(member(told, "journal"), "problem") + "\n";
  return text;
}

int status_exit_code(const json& told) {
  auto const health = text_of(told, "health");
  return health == "ok"            ? exit_ok
         : health == "degraded"    ? exit_degraded
         : health == "contingency" ? exit_contingency
                                   : exit_failure;
}

int run_contingency(const contingency_command& command, const config::surroundings& world, std::ostream& out,
                    std::ostream& err) {
  using action = contingency_command::action;
  auto const socket = admin_socket_for(command.door, world);
  json order = json::object();
  if (!command.workflows.empty()) order["workflows"] = command.workflows;
  if (command.reason) order["reason"] = *command.reason;
  if (command.lasts) order["for"] = *command.lasts;
  admin_answer answer;
  switch (command.what) {
    case action::show: answer = ask_daemon(socket, "GET", "/api/contingency"); break;
    case action::on:
    case action::off: {
      auto const body = order.dump(-1, ' ', false, json::error_handler_t::replace);
      answer = ask_daemon(socket, command.what == action::on ? "PUT" : "DELETE", "/api/contingency", body);
      break;
    }
  }
  auto const told = told_by(answer, err);
  if (!told.is_object()) return exit_failure;
  if (command.json) {
    out << dump(told);
    return exit_ok;
  }
  if (command.what == action::off) {
    std::string names;
    for (const auto& name : member(told, "lifted"))
      names += (names.empty() ? "" : ", ") + config::printable(name.is_string() ? name.get<std::string>() : "");
    out << (names.empty() ? "there was nothing to lift" : "lifted for " + names) << '\n';
  }
  out << contingency_text(told);
  return exit_ok;
}

int run_status(const status_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  auto const socket = admin_socket_for(command.door, world);
  bool const terminal = ::isatty(STDOUT_FILENO) == 1;
  for (std::string before;;) {
    auto told = told_by(ask_daemon(socket, "GET", "/api/status"), err);
    if (!told.is_object()) return exit_failure;
    if (!command.watch) {
      out << (command.json ? dump(told) : status_text(told));
      return status_exit_code(told);
    }
    if (command.json) told.erase("counters");  // they change all the time
    auto const text =
        command.json ? told.dump(-1, ' ', false, json::error_handler_t::replace) + "\n" : status_text(told);
    if (text != before) {
      if (!command.json) out << (terminal ? "\x1b[H\x1b[2J" : before.empty() ? "" : "\n");
      out << text << std::flush;
      if (!out) return exit_failure;  // nobody reads any more
    }
    before = text;
    std::this_thread::sleep_for(between_looks);
  }
}

}  // namespace tideover::app
