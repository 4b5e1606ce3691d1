// Everything that a daemon writes anywhere, gathered while a test asks it things, and the search for secrets in it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "integration/world.hpp"
#include "support/run_program.hpp"

namespace tideover::test {

/// Everything that was written, by where.
using sinks = std::map<std::string, std::string>;

struct mark {
  std::string what;
  std::string text;  // found whole or in its beginning, so that a shortened secret is a leak too
  std::set<std::string> belongs;
  std::set<std::string> may = {};  // be in there as well
};

bool holds(const std::string& haystack, const std::string& secret);
void expect_each_where_it_belongs(const std::vector<mark>& marks, const sinks& written);

/// Where apps have their keys, commands look for them: this one is in the shell of whoever runs commands.
constexpr auto stranger_key = "sk-shell-canary-3c4d5e6f7a";

class scan {
 public:
  /// `environment`: of commands, the daemon's own.
  scan(world& home, environment_of_program environment);

  void ask(std::string_view method, std::string_view target, std::string_view body, const field_list& fields);
  void send(const std::string& bytes);
  void administer(std::string_view method, std::string_view target, std::string_view body = {},
                  const field_list& fields = {}, bool over_tcp = true);
  /// What a command of ours says, whatever it says.
  void command(const std::vector<std::string>& words, const std::set<int>& exit_codes);
  /// With the file as it is, and with one that is wrong in a place where a secret stands.
  void reload(const field_list& right);
  /// Snapshot and whatever comes until something changes.
  void listen_to_events();
  void read(const std::string& file) { collected_["commands"] += read_file(file); }

  std::string socket() const { return world_.daemon().folder().file("admin.sock"); }
  std::string configuration() const { return world_.daemon().folder().file("tideover.yaml"); }

  /// Ends the daemon, with what it says and keeps at its end.
  sinks all();

 private:
  void hear(const std::string& where, const http_answer& answer);

  world& world_;
  environment_of_program environment_;
  sinks collected_;
};

}  // namespace tideover::test
