#include "tideover/app/operator_commands.hpp"

#include <ostream>

#include "daemon_answer.hpp"
#include "public_part.hpp"
#include "status_watch.hpp"
#include "tideover/app/admin_client.hpp"
#include "tideover/config/places.hpp"

namespace tideover::app {

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

int run_contingency(const contingency_command& command, const config::surroundings& world, std::ostream& out,
                    std::ostream& err) {
  using action = contingency_command::action;
  auto const socket = admin_socket_for(command.door, world);
  document order = document::object();
  if (!command.workflows.empty()) order["workflows"] = command.workflows;
  if (command.reason) order["reason"] = *command.reason;
  if (command.lasts) order["for"] = *command.lasts;
  admin_answer answer;
  switch (command.what) {
    case action::show: answer = ask_daemon(socket, "GET", "/api/contingency"); break;
    case action::on:
    case action::off:
      answer = ask_daemon(socket, command.what == action::on ? "PUT" : "DELETE", "/api/contingency", dump_line(order));
      break;
  }
  auto const word = told_by(answer, "active");
  if (const auto* failure = std::get_if<command_failure>(&word)) return fail(*failure, command.json, out, err);
  const auto& told = std::get<document>(word);
  if (command.json) {
    out << dump(told);
    return exit_ok;
  }
  if (command.what == action::off) {
    auto const names = names_of(member(told, "lifted"));
    out << (names.empty() ? "there was nothing to lift" : "lifted for " + names) << '\n';
  }
  out << contingency_text(told, look_of_output(world));
  return exit_ok;
}

int run_status(const status_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  auto const socket = admin_socket_for(command.door, world);
  if (command.watch) return watch_status(socket, command.json, world, out, err);
  auto const word = told_by(ask_daemon(socket, "GET", "/api/status"), "health");
  if (const auto* failure = std::get_if<command_failure>(&word)) return fail(*failure, command.json, out, err);
  const auto& told = std::get<document>(word);
  out << (command.json ? dump(told) : status_text(told, look_of_output(world)));
  auto const code = status_exit_code(told);
  if (code == exit_failure)
    err << "tideover: this version does not know the health `" << text_of(told, "health")
        << "`: use the program of the daemon's version, " << text_of(told, "version") << '\n';
  return code;
}

}  // namespace tideover::app
