#include "tideover/app/demo.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "command_output.hpp"
#include "demo_client.hpp"
#include "ready_file.hpp"
#include "tideover/app/daemon.hpp"
#include "tideover/app/logging.hpp"
#include "tideover/app/stand_in.hpp"
#include "tideover/core/thread.hpp"

namespace tideover::app {

namespace {

void say(const std::string& line) { std::cout << line << '\n' << std::flush; }

config::loaded demo_configuration(const run_command& command, const stand_in& cloud, const stand_in& ollama,
                                  bool any_port) {
  std::string const text =
      "upstreams:\n"
      "  stand-in-cloud: {tier: cloud, dialect: openai, url: \"" +
      cloud.url() +
      "\"}\n"
      "  stand-in-ollama: {tier: local, dialect: ollama, url: \"" +
      ollama.url() + "\"}\n";
  config::overrides flags;
  flags.listen = command.flags.listen;
  flags.admin = command.flags.admin;
  flags.workers = command.flags.workers;
  if (any_port) {
    flags.listen = {"127.0.0.1:0"};
    flags.admin = "127.0.0.1:0";
  }
  // The demo is the same on every machine: it looks at no file and no environment.
  config::surroundings nowhere;
  nowhere.environment = [](const std::string&) { return std::nullopt; };
  nowhere.read_file = [](const std::string&) { return std::nullopt; };
  nowhere.exists = [](const std::string&) { return false; };
  nowhere.mode = [](const std::string&) { return std::nullopt; };
  return config::load_text(text, "demo", flags, nowhere);
}

/// The daemon's log lines, read from a pipe so that each appears beneath the answer it belongs to.
class log_tail {
 public:
  log_tail() {
    if (::pipe(ends_) != 0) throw std::runtime_error("cannot make a pipe for the demo's log");
  }
  ~log_tail() {
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }
  int writing_end() const { return ends_[1]; }

  /// The lines up to the one of this request's end. Every request gets one, so this ends.
  std::vector<std::string> until_request(const std::string& request_id) {
    std::vector<std::string> lines;
    for (std::string line; next(line);) {
      bool const last = line.find("request served") != std::string::npos && line.find(request_id) != std::string::npos;
      lines.push_back(std::move(line));
      if (last) break;
    }
    return lines;
  }
  /// Passes everything on to standard output until the daemon is gone.
  void follow() {
    for (std::string line; next(line);) say(line);
  }
  void close_writing_end() { ::close(std::exchange(ends_[1], -1)); }

 private:
  bool next(std::string& line) {
    for (;;) {
      if (auto const end = buffer_.find('\n'); end != std::string::npos) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return true;
      }
      char block[4096];
      auto const n = ::read(ends_[0], block, sizeof block);
      if (n <= 0) return false;
      buffer_.append(block, static_cast<std::size_t>(n));
    }
  }
  int ends_[2] = {-1, -1};
  std::string buffer_;
};

/// One step of the story: asks, shows who served, and says whether that was who should have.
bool step(const std::string& address, log_tail& log, const std::string& question, bool stream, const std::string& tier,
          const std::string& failover) {
  say("  app    > " + question + (stream ? "   (stream: true)" : ""));
  bool first = true;
  auto const answer = ask_like_an_app(address, question, stream, [&](const std::string& piece) {
    if (first) std::cout << "  answer < ";
    first = false;
    std::cout << piece << std::flush;
  });
  if (!first) std::cout << '\n';
  if (!answer.problem.empty()) {
    say("  FAILED: " + answer.problem);
    return false;
  }
  if (!stream) say("  answer < " + answer.text);
  auto const header = [&](const char* name) {
    auto const at = answer.headers.find(name);
    return at == answer.headers.end() ? std::string() : at->second;
  };
  say("           X-Tideover-Tier: " + header("x-tideover-tier"));
  say("           X-Tideover-Upstream: " + header("x-tideover-upstream"));
  say("           X-Tideover-Model: " + header("x-tideover-model"));
  if (!header("x-tideover-failover").empty()) say("           X-Tideover-Failover: " + header("x-tideover-failover"));
  for (const auto& line : log.until_request(header("x-tideover-request-id"))) say("  log      " + line);
  if (header("x-tideover-tier") == tier && header("x-tideover-failover") == failover) return true;
  say("  FAILED: expected tier " + tier + (failover.empty() ? "" : " because of " + failover));
  return false;
}

bool tell_story(const std::string& address, log_tail& log, stand_in& cloud) {
  say("\n1. The cloud is well.");
  bool good = step(address, log, "Who answers?", false, "cloud", "");
  say("\n2. The cloud goes away: its port refuses connections. The app does not know.");
  cloud.cut();
  good = step(address, log, "And who answers now?", false, "local", "connect") && good;
  good = step(address, log, "Can you stream, too?", true, "local", "connect") && good;
  say("\n3. The cloud comes back.");
  cloud.restore();
  good = step(address, log, "Who answers again?", true, "cloud", "") && good;
  return good;
}

}  // namespace

int run_demo(const run_command& command) try {
  std::signal(SIGPIPE, SIG_IGN);
  stand_in cloud({stand_in_kind::cloud, std::chrono::milliseconds(30), true});
  stand_in ollama({stand_in_kind::ollama, std::chrono::milliseconds(30), false});

  log_tail log;
  std::unique_ptr<daemon> running;
  bool const chosen = !command.flags.listen.empty();
  for (bool any_port = false; !running; any_port = true) {
    auto loaded = demo_configuration(command, cloud, ollama, any_port);
    print_problems(loaded.problems, std::cerr);
    if (!loaded.ok()) return exit_configuration;
    daemon_options options;
    options.configuration = loaded.snapshot;
    options.log = std::make_shared<ops::line_writer>(log.writing_end());
    options.log_format = ops::line_format::text;  // reads better in a story
    try {
      running = std::make_unique<daemon>(options);
    } catch (const std::exception& e) {
      if (chosen || any_port) throw;  // the usual port is taken, perhaps by a real Tideover: any other will do
      std::cerr << "tideover: " << e.what() << " The demo takes another port.\n";
    }
  }
  auto serving = start_thread("control", [&] { running->run(); });
  auto const address = running->addresses().proxy.front();
  say("Tideover demo: the real proxy on " + address + ", between");
  say("  a stand-in cloud  " + cloud.url() + "   (not OpenAI: a small server inside this process)");
  say("  a stand-in Ollama " + ollama.url() + "   (not a model: it says fixed sentences)");
  bool const good = tell_story(address, log, cloud);
  std::thread following([&] { log.follow(); });
  say(good ? "\nEvery step happened." : "\nA step of the story did NOT happen: see above.");

  if (good) {
    auto const control = "http://127.0.0.1:" + std::to_string(*cloud.control_port());
    say("\nIt goes on serving. In another terminal:");
    say("  curl -i http://" + address + "/v1/chat/completions -H 'Content-Type: application/json' \\");
    say("    -d '{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Who answers?\"}]}'");
    say("  curl -X POST " + control + "/cut        # the cloud goes away");
    say("  curl -X POST " + control + "/restore    # and comes back");
    say("  curl http://" + running->addresses().admin + "/metrics");
    say("Ctrl-C ends it.\n");
    ready_file const ready(command.ready_file, running->addresses());
    boost::asio::io_context context(1);
    boost::asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([](boost::system::error_code, int) {});
    context.run();
    running->drain();
  } else {
    running->stop();
  }
  serving.join();
  running.reset();  // writes what is left of the log
  log.close_writing_end();
  following.join();
  return good ? exit_ok : exit_failure;
} catch (const std::exception& e) {
  std::cerr << "tideover: " << e.what() << '\n';
  return exit_failure;
}

}  // namespace tideover::app
