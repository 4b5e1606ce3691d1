#include "support/daemon_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "support/raw_client.hpp"
#include "support/run_program.hpp"

namespace tideover::test {
namespace {

constexpr auto ready_name = "ready.json";

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// A copy of the program, the configuration and the state folder, all of which another user may not reach or write
/// where they are.
std::string hand_over(const temporary_folder& folder, const std::string& from, unsigned user) {
  namespace fs = std::filesystem;
  auto const copy = folder.file("tideover");
  fs::copy_file(from, copy);
  fs::permissions(copy, fs::perms::owner_all);
  std::vector<std::string> all{folder.path()};
  for (auto const& entry : fs::recursive_directory_iterator(folder.path())) all.push_back(entry.path().string());
  for (auto const& path : all)
    if (::lchown(path.c_str(), user, user) != 0) throw std::runtime_error("cannot give " + path + " away");
  return copy;
}

/// Sanitizers of GCC are libraries, whose names the program holds; those of Clang are in it with their functions.
bool is_sanitized(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string const bytes{std::istreambuf_iterator<char>(in), {}};
  return bytes.find("__asan_init") != std::string::npos || bytes.find("__tsan_init") != std::string::npos;
}

std::uint16_t port_of(const std::string& address) {
  std::uint16_t port = 0;
  auto const colon = address.rfind(':');
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  return port;
}

}  // namespace

bool has_sanitizers() {
  static bool const has = is_sanitized(tideover_binary());
  return has;
}

// Only bare system calls, because the C library's would wait for threads that the child does not have.
bool become(unsigned user) {
  return ::syscall(SYS_setgroups, 0, nullptr) == 0 && ::syscall(SYS_setresgid, user, user, user) == 0 &&
         ::syscall(SYS_setresuid, user, user, user) == 0;
}

daemon_process::daemon_process(const daemon_options& options) {
  if (!options.yaml.empty()) folder_.write("tideover.yaml", options.yaml);
  std::filesystem::create_directory(folder_.file("state"));
  spawn(options);
  wait_until_ready();
}

void daemon_process::spawn(const daemon_options& options) {
  std::vector<std::string> arguments{
      options.user ? hand_over(folder_, tideover_binary(), *options.user) : tideover_binary(), "run", "--ready-file",
      folder_.file(ready_name)};
  if (!options.yaml.empty()) {
    arguments.push_back("--config");
    arguments.push_back(folder_.file("tideover.yaml"));
  }
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  if (!options.redirections.empty())
    arguments.insert(arguments.begin(), {"/bin/sh", "-c", "exec \"$0\" \"$@\" " + options.redirections});

  std::map<std::string, std::string> environment = options.environment;
  environment.try_emplace("PATH", "/usr/bin:/bin");
  environment.try_emplace("HOME", folder_.path());
  environment.try_emplace("TMPDIR", folder_.path());
  environment.try_emplace("STATE_DIRECTORY", folder_.file("state"));
  // How the harness itself was asked to run: sanitizer and coverage settings are not the program's environment.
  for (auto const* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "GCOV_PREFIX"})
    if (auto const* value = std::getenv(name)) environment.try_emplace(name, value);
  // Whose they are is known only in the child: its number is written over these zeros there.
  constexpr std::size_t digits = 10;
  if (!options.handed.empty()) {
    environment["LISTEN_FDS"] = std::to_string(options.handed.size());
    environment["LISTEN_PID"] = std::string(digits, '0');
    if (!options.handed_names.empty()) environment["LISTEN_FDNAMES"] = options.handed_names;
  }
  std::vector<std::string> pairs;
  for (auto const& [name, value] : environment) pairs.push_back(name + "=" + value);

  char* listen_pid = nullptr;
  for (auto& pair : pairs)
    if (pair.starts_with("LISTEN_PID=")) listen_pid = pair.data() + pair.size() - digits;

  auto const argv = pointers(arguments);
  auto const envp = pointers(pairs);
  auto const output = folder_.file("stdout");
  auto const errors = folder_.file("stderr");
  pid_t const parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {  // only async-signal-safe calls from here to exec
    ::signal(SIGPIPE, SIG_DFL);
    int const in = ::open("/dev/null", O_RDONLY);
    int const out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    int const err = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    unsigned next = 3;
    for (int const fd : options.handed) {  // ours are all beyond the places they go to
      ::dup2(fd, static_cast<int>(next));
      ++next;
    }
    ::close_range(next, ~0U, 0);
    if (listen_pid != nullptr) {
      auto number = static_cast<unsigned>(::getpid());
      for (std::size_t i = digits; i-- > 0; number /= 10) listen_pid[i] = static_cast<char>('0' + number % 10);
    }
    if (options.most_threads) {
      rlimit limit{};
      ::getrlimit(RLIMIT_NPROC, &limit);
      limit.rlim_cur = *options.most_threads;
      ::setrlimit(RLIMIT_NPROC, &limit);
    }
    if (options.user && !become(*options.user)) ::_exit(127);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no daemon behind; another user forgets it
    if (::getppid() != parent) ::_exit(127);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  pidfd_ = descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) throw std::runtime_error("pidfd_open failed");
}

void daemon_process::wait_until_ready() {
  descriptor const watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ::inotify_add_watch(watch.get(), folder_.path().c_str(), IN_CLOSE_WRITE | IN_MOVED_TO);
  auto const deadline = soon();
  for (;;) {
    // Looked at after the watch was set, so that a file which is already there is not missed.
    auto const ready = nlohmann::json::parse(read_file(folder_.file(ready_name)), nullptr, false);
    if (ready.is_object()) {
      for (auto const& address : ready.at("proxy")) ports_.push_back(port_of(address.get<std::string>()));
      if (ready.contains("admin")) admin_port_ = port_of(ready.at("admin").get<std::string>());
      serves_ = true;
      return;
    }
    pollfd entries[2] = {{watch.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}};
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady::now()).count();
    if (left <= 0) {
      ADD_FAILURE() << "the daemon neither served nor ended; it said:\n" << all_output();
      return;
    }
    (void)::poll(entries, 2, static_cast<int>(left));
    if (entries[1].revents != 0) {
      (void)wait_for_exit();
      return;
    }
    char events[4096];
    (void)!::read(watch.get(), events, sizeof events);
  }
}

daemon_process::~daemon_process() {
  if (!exit_code_) {
    signal(SIGTERM);
    if (!wait_for_exit(steady::now() + 15s)) {
      signal(SIGKILL);
      (void)wait_for_exit();
    }
  }
  auto const said = standard_error();
  for (auto const* alarm : {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer",
                            "runtime error:", "terminate called", "Assertion"})
    if (said.find(alarm) != std::string::npos) ADD_FAILURE() << "the daemon said:\n" << said;
}

void daemon_process::signal(int number) const {
  if (!exit_code_) ::kill(pid_, number);
}

std::optional<int> daemon_process::wait_for_exit(steady::time_point deadline) {
  if (exit_code_) return exit_code_;
  for (;;) {
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady::now()).count();
    pollfd entry{pidfd_.get(), POLLIN, 0};
    int const n = ::poll(&entry, 1, left <= 0 ? 0 : static_cast<int>(left));
    if (n == 1) break;
    if (n == 0) return std::nullopt;
    if (errno != EINTR) return std::nullopt;
  }
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return std::nullopt;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_code_;
}

std::optional<int> daemon_process::stop() {
  signal(SIGTERM);
  return wait_for_exit();
}

std::string daemon_process::standard_output() const { return read_file(folder_.file("stdout")); }
std::string daemon_process::standard_error() const { return read_file(folder_.file("stderr")); }

std::size_t daemon_process::times_said(std::string_view words) const {
  auto const text = all_output();
  std::size_t n = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++n;
  return n;
}

std::vector<nlohmann::json> daemon_process::log_lines() const {
  std::vector<nlohmann::json> lines;
  std::istringstream text(all_output());
  for (std::string line; std::getline(text, line);)
    if (auto json = nlohmann::json::parse(line, nullptr, false); json.is_object()) lines.push_back(std::move(json));
  return lines;
}

std::vector<nlohmann::json> daemon_process::log_lines_of(std::string_view event) const {
  std::vector<nlohmann::json> matching;
  for (auto& line : log_lines())
    if (line.value("event", "") == event) matching.push_back(std::move(line));
  return matching;
}

std::vector<nlohmann::json> daemon_process::wait_for_log(std::string_view event, std::size_t at_least) const {
  std::vector<nlohmann::json> lines;
  eventually([&] { return (lines = log_lines_of(event)).size() >= at_least; }, steady::now() + 20s);
  return lines;
}

std::string daemon_process::metrics() const { return get(admin_port_, "/metrics").body; }

double daemon_process::metric(std::string_view name, const std::vector<std::string>& parts) const {
  double sum = 0;
  std::istringstream text(metrics());
  for (std::string line; std::getline(text, line);) {
    auto const name_end = line.find_first_of("{ ");
    if (name_end == std::string::npos || line.compare(0, name_end, name) != 0) continue;
    bool matches = true;
    for (auto const& part : parts) matches = matches && line.find(part) != std::string::npos;
    if (matches) sum += std::strtod(line.c_str() + line.rfind(' ') + 1, nullptr);
  }
  return sum;
}

std::size_t daemon_process::open_descriptors() const {
  std::size_t count = 0;
  for (auto it = std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/fd");
       it != std::filesystem::directory_iterator(); ++it)
    ++count;
  return count;
}

double daemon_process::processor_seconds() const {
  auto const text = read_file("/proc/" + std::to_string(pid_) + "/stat");
  std::istringstream rest(text.substr(text.rfind(')') + 2));  // behind the name, which may hold anything (proc(5))
  std::string word;
  double user = 0, system = 0;
  for (int field = 3; field < 14; ++field) rest >> word;
  rest >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::vector<pid_t> daemon_process::threads(std::string_view name) const {
  std::vector<pid_t> found;
  for (auto const& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task"))
    if (read_file(entry.path().string() + "/comm").starts_with(name))
      found.push_back(static_cast<pid_t>(std::stol(entry.path().filename().string())));
  return found;
}

std::size_t daemon_process::resident_kib() const {
  std::istringstream text(read_file("/proc/" + std::to_string(pid_) + "/status"));
  for (std::string line; std::getline(text, line);)
    if (line.rfind("VmRSS:", 0) == 0) return std::stoul(line.substr(6));
  return 0;
}

}  // namespace tideover::test
