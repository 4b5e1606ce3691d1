// The program: what the command line says, done.
#include <iostream>
#include <iterator>

#include "tideover/app/application.hpp"
#include "tideover/app/command_line.hpp"
#include "tideover/app/completion.hpp"
#include "tideover/app/explain_command.hpp"
#include "tideover/app/init_command.hpp"
#include "tideover/app/manual.hpp"
#include "tideover/app/operator_commands.hpp"
#include "tideover/app/readiness_command.hpp"

int main(int argc, char** argv) {
  using namespace tideover;
  auto const said = app::parse_command_line(argc, argv);
  std::cout << said.out << std::flush;
  std::cerr << said.err << std::flush;
  if (said.exit_code) return *said.exit_code;

  auto const world = config::surroundings::real();
  struct perform {
    const config::surroundings& world;
    int operator()(std::monostate) const { return app::exit_usage; }
    int operator()(const app::run_command& c) const { return app::run_daemon(c, world); }
    int operator()(const app::check_command& c) const { return app::run_check(c, world, std::cout, std::cerr); }
    int operator()(const app::schema_command&) const { return app::run_schema(std::cout); }
    int operator()(const app::env_command& c) const { return app::run_env(c, world, std::cout, std::cerr); }
    int operator()(const app::contingency_command& c) const {
      return app::run_contingency(c, world, std::cout, std::cerr);
    }
    int operator()(const app::status_command& c) const { return app::run_status(c, world, std::cout, std::cerr); }
    int operator()(const app::reload_command& c) const { return app::run_reload(c, world, std::cout, std::cerr); }
    int operator()(const app::key_command& c) const { return app::run_key(c, world, std::cout, std::cerr); }
    int operator()(const app::init_command& c) const { return app::run_init(c, world, std::cin, std::cout, std::cerr); }
    int operator()(const app::completion_command& c) const { return app::run_completion(c, std::cout); }
    int operator()(const app::complete_command& c) const { return app::run_complete(c, world, std::cout); }
    int operator()(const app::man_command& c) const { return app::run_man(c, std::cout); }
    int operator()(const app::readiness_command& c) const { return app::run_readiness(c, world, std::cout, std::cerr); }
    int operator()(const app::explain_command& c) const {
      return app::run_explain(c, world, std::cout, std::cerr, [] {
        return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
      });
    }
    int operator()(const app::version_command& c) const { return app::run_version(c, std::cout); }
  };
  return std::visit(perform{world}, said.command);
}
