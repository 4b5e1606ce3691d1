#include "tideover/app/application.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "command_output.hpp"
#include "ready_file.hpp"
#include "tideover/app/daemon.hpp"
#include "tideover/app/demo.hpp"
#include "tideover/app/handed_sockets.hpp"
#include "tideover/app/logging.hpp"
#include "tideover/app/service_manager.hpp"
#include "tideover/config/places.hpp"
#include "tideover/core/thread.hpp"
#include "tideover/ops/durable_file.hpp"

namespace tideover::app {

namespace {

/// It lets go of the state directory when its drain begins, and may be about to hear that it should.
constexpr auto patience_with_the_last_one = std::chrono::seconds(2);

/// Each caller and each upstream connection is a descriptor: take what the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string environment_or_empty(const config::surroundings& world, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (auto value = world.environment(name); value && !value->empty()) return *value;
  return {};
}

/// Where it cannot be made, decisions and events of this run are not kept; that stops nobody (faults L13).
std::string usable_state_directory(const config::surroundings& world) {
  auto const path = config::state_directory(world);
  auto const problem = path.empty() ? std::string("no home directory is known") : ops::make_directory(path, 0700);
  if (problem.empty()) return path;
  spdlog::warn(
      "no state directory ({}): contingency decisions will not survive a restart, and no journal is written. "
      "Set STATE_DIRECTORY to a directory that Tideover may write",
      problem);
  return path;
}

std::string contingency_text(const std::vector<policy::contingency_cause>& causes) {
  std::string text;
  for (const auto& c : causes) {
    auto const source = c.source == policy::contingency_source::environment ? "TIDEOVER_CONTINGENCY"
                        : c.source == policy::contingency_source::file      ? "configuration file"
                                                                            : c.decision->who;
    text += (text.empty() ? "ON for " : ", ") +
            (c.workflow == policy::all_workflows ? std::string("everything") : c.workflow) + " (" + source + ")";
  }
  return text.empty() ? "off" : text + ": no cloud is asked";
}

/// What was found, and the two lines to use. On standard error: standard output is for log lines.
void print_banner(const config::snapshot& configuration, const daemon& running) {
  auto const& at = running.addresses();
  std::string text = "Tideover " TIDEOVER_VERSION "\n";
  text += "  configuration  " + (configuration.source.empty() ? "built-in defaults" : configuration.source) + "\n";
  for (const auto& address : at.proxy) text += "  proxy          " + address + "\n";
  text += "  admin          http://" + at.admin + "\n";
  if (!at.admin_socket.empty()) text += "  admin socket   " + at.admin_socket + "\n";
  for (const auto& u : configuration.upstreams) {
    std::string line = "  " + std::string(token(u.tier)) + "          " + u.title + "  " + u.urls.front().to_string();
    if (u.tier == tier::cloud) {
      line += u.credential ? "  (its own key)" : "  (the caller's key)";
    } else {
      auto const local = running.local(u.name);
      if (local.known)
        line += "  (" + std::to_string(local.models) + (local.models == 1 ? " model" : " models") + ")";
      else
        line += "  (does not answer" + (local.problem.empty() ? std::string() : ": " + local.problem) +
                "; start Ollama, or set --local)";
    }
    text += line + "\n";
  }
  text += "  contingency    " + contingency_text(running.contingency()) + "\n\n";
  bool const tls = !configuration.listeners.empty() && configuration.listeners.front().tls.has_value();
  std::string const base = (tls ? "https://" : "http://") + (at.proxy.empty() ? std::string() : at.proxy.front());
  text += "Point your apps here:\n";
  text += "  export OPENAI_BASE_URL=" + base + "/v1\n";
  text += "  export ANTHROPIC_BASE_URL=" + base + "\n\n";
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

/// Signals, taken in a thread-free way on a small context of their own, become calls on the daemon.
class signal_listener {
 public:
  signal_listener(daemon& running, const service_manager& manager)
      : running_(running), manager_(manager), signals_(context_, SIGTERM, SIGINT, SIGHUP) {
    listen();
    thread_ = start_thread("signals", [this] { context_.run(); });
  }
  ~signal_listener() {
    context_.stop();
    thread_.join();
  }

 private:
  void listen() {
    signals_.async_wait([this](boost::system::error_code ec, int signal) {
      if (ec) return;
      if (signal == SIGHUP) {
        running_.reload("SIGHUP");
      } else if (!draining_) {
        draining_ = true;
        spdlog::info("{}: draining; a second signal ends at once", signal == SIGTERM ? "SIGTERM" : "SIGINT");
        manager_.stopping();
        running_.drain();
      } else {
        spdlog::info("second signal: ending now");
        running_.stop();
      }
      listen();
    });
  }

  daemon& running_;
  const service_manager& manager_;
  boost::asio::io_context context_{1};
  boost::asio::signal_set signals_;
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace

int run_daemon(const run_command& command, const config::surroundings& world) {
  if (command.demo) return run_demo(command);
  auto loaded = config::load(command.flags, world);
  print_problems(loaded.problems, std::cerr);
  if (!loaded.ok()) return exit_configuration;

  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error to be told, not a reason to end
  raise_descriptor_limit();
  auto const& configuration = *loaded.snapshot;
  daemon_options options;
  options.log = std::make_shared<ops::line_writer>(STDOUT_FILENO);
  options.log_format =
      logs_are_json(configuration.log, STDOUT_FILENO) ? ops::line_format::json : ops::line_format::text;
  program_log const messages(options.log, options.log_format, configuration.log.level);

  options.configuration = loaded.snapshot;
  options.https_proxy = environment_or_empty(world, {"HTTPS_PROXY", "https_proxy"});
  options.no_proxy = environment_or_empty(world, {"NO_PROXY", "no_proxy"});
  options.state_directory = usable_state_directory(world);
  options.state_lock = std::make_shared<ops::state_lock>(options.state_directory);
  if (!options.state_lock->take_within(patience_with_the_last_one)) {
    std::cerr << "tideover: " << options.state_lock->holder() << " uses the state directory " << options.state_directory
              << ", and two would lose each other's decisions: stop it first, or set STATE_DIRECTORY to another "
                 "directory for this one\n";
    return exit_failure;
  }
  options.usual_sockets = config::usual_admin_sockets(world);
  service_manager manager(world);
  options.alive = [&manager](time_point now) { manager.alive(now); };
  options.load_again = [&command, &world] { return config::load(command.flags, world); };
  options.reloading = [&manager](bool begins) { begins ? manager.reloading() : manager.ready(); };
  try {
    options.handed = take_handed_sockets(world);
    daemon running(options);
    signal_listener const signals(running, manager);
    running.ask_local([&] { print_banner(configuration, running); });
    // Connections are accepted by the kernel since the sockets listen; whoever reads the file may connect.
    ready_file const ready(command.ready_file, running.addresses());
    manager.ready();
    running.run();
  } catch (const std::exception& e) {
    std::cerr << "tideover: " << e.what() << '\n';
    return exit_failure;
  }
  return exit_ok;
}

}  // namespace tideover::app
