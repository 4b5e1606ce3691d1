// The program: what the command line says, done.
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <iostream>
#include <iterator>
#include <system_error>

#include "command_output.hpp"
#include "standard_output.hpp"
#include "tideover/app/application.hpp"
#include "tideover/app/command_line.hpp"
#include "tideover/app/completion.hpp"
#include "tideover/app/explain_command.hpp"
#include "tideover/app/init_command.hpp"
#include "tideover/app/manual.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/app/readiness_command.hpp"

namespace {

using namespace tideover;

/// Performs what the command line says; each command prints its result to `out`, what is wrong to `err`.
struct performer {
  const config::surroundings& world;
  std::ostream& out;
  std::ostream& err;

  int operator()(std::monostate) const { return app::exit_usage; }
  int operator()(const app::run_command& c) const { return app::run_daemon(c, world); }
  int operator()(const app::check_command& c) const { return app::run_check(c, world, out, err); }
  int operator()(const app::schema_command&) const { return app::run_schema(out); }
  int operator()(const app::env_command& c) const { return app::run_env(c, world, out, err); }
  int operator()(const app::contingency_command& c) const { return app::run_contingency(c, world, out, err); }
  int operator()(const app::status_command& c) const { return app::run_status(c, world, out, err); }
  int operator()(const app::reload_command& c) const { return app::run_reload(c, world, out, err); }
  int operator()(const app::key_command& c) const { return app::run_key(c, world, out, err); }
  int operator()(const app::init_command& c) const { return app::run_init(c, world, std::cin, out, err); }
  int operator()(const app::completion_command& c) const { return app::run_completion(c, out); }
  int operator()(const app::complete_command& c) const { return app::run_complete(c, world, out); }
  int operator()(const app::man_command& c) const { return app::run_man(c, out); }
  int operator()(const app::readiness_command& c) const { return app::run_readiness(c, world, out, err); }
  int operator()(const app::explain_command& c) const {
    return app::run_explain(c, world, out, err, [] {
      return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    });
  }
  int operator()(const app::version_command& c) const { return app::run_version(c, out); }
};

int perform(int argc, char** argv, std::ostream& out) {
  auto const said = app::parse_command_line(argc, argv);
  out << said.out;
  std::cerr << said.err;
  if (said.exit_code) return *said.exit_code;
  auto const world = config::surroundings::real();
  try {
    return std::visit(performer{world, out, std::cerr}, said.command);
  } catch (const std::exception& e) {
    return app::fail(
        {app::exit_failure, "internal_error",
         std::string("this should not have happened (") + e.what() + "): try again, and report it with what you typed"},
        app::wants_json(argc, argv), out, std::cerr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  app::standard_output buffer(STDOUT_FILENO);
  std::ostream out(&buffer);
  auto const code = perform(argc, argv, out);
  out.flush();
  if (buffer.problem() == 0) return code;
  if (buffer.problem() != EPIPE)  // whoever left wants no sentence
    std::cerr << "tideover: the output cannot be written: " << std::generic_category().message(buffer.problem())
              << ": make room, or write it elsewhere\n";
  return app::exit_failure;
}
