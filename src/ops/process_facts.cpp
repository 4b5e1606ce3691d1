#include "process_facts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tideover::ops {
namespace {

std::string read_small_file(const char* path) {
  std::string text(4096, '\0');
  int const fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  auto const n = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

/// The numbers of /proc/self/stat after the name, which may itself contain spaces and parentheses (proc(5)).
std::vector<double> numbers_after_name(std::string_view stat) {
  std::vector<double> numbers;
  auto at = stat.rfind(')');
  if (at == std::string_view::npos) return numbers;
  for (++at; at < stat.size();) {
    auto const begin = stat.find_first_not_of(" \n", at);
    if (begin == std::string_view::npos) break;
    auto const end = std::min(stat.find_first_of(" \n", begin), stat.size());
    double value = 0;  // the state, a letter, reads as 0
    std::from_chars(stat.data() + begin, stat.data() + end, value);
    numbers.push_back(value);
    at = end;
  }
  return numbers;
}

double clock_seconds(clockid_t which) {
  timespec t{};
  clock_gettime(which, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double count_descriptors() {
  std::unique_ptr<DIR, int (*)(DIR*)> const folder(::opendir("/proc/self/fd"), &::closedir);
  if (!folder) return 0;
  double count = 0;
  while (const auto* entry = ::readdir(folder.get()))
    if (entry->d_name[0] != '.') ++count;
  return count - 1;  // not the one that reads the folder
}

}  // namespace

process_facts read_process_facts() {
  process_facts facts;
  auto const ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  // Fields are numbered from 1 in proc(5); state, the first one here, is number 3.
  auto const stat = numbers_after_name(read_small_file("/proc/self/stat"));
  constexpr std::size_t first = 3, utime = 14, stime = 15, start = 22, vsize = 23, rss = 24;
  if (stat.size() > rss - first) {
    facts.cpu_seconds = (stat[utime - first] + stat[stime - first]) / ticks;
    facts.virtual_bytes = stat[vsize - first];
    facts.resident_bytes = stat[rss - first] * static_cast<double>(::sysconf(_SC_PAGESIZE));
    // /proc/stat, which knows the time of boot, is hidden from a hardened unit (ProcSubset=pid); the clocks are not.
    auto const age = clock_seconds(CLOCK_BOOTTIME) - stat[start - first] / ticks;
    facts.start_unix = clock_seconds(CLOCK_REALTIME) - age;
  }
  facts.open_descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.most_descriptors = static_cast<double>(limit.rlim_cur);
  return facts;
}

}  // namespace tideover::ops
