#include "support/name_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>

namespace tideover::test {
namespace {

constexpr std::size_t header_bytes = 12;  // RFC 1035 §4.1.1
constexpr unsigned type_a = 1;
constexpr unsigned type_aaaa = 28;

void append16(std::string& to, unsigned value) {
  to += static_cast<char>(value >> 8 & 0xff);
  to += static_cast<char>(value & 0xff);
}

unsigned read16(const std::string& from, std::size_t at) {
  return static_cast<unsigned>(static_cast<unsigned char>(from[at])) << 8 |
         static_cast<unsigned>(static_cast<unsigned char>(from[at + 1]));
}

struct asked_for {
  std::string name;  // lower case, without the last dot
  unsigned type = 0;
  std::size_t end = 0;  // of the question section
};

std::optional<asked_for> read_question(const std::string& packet) {
  asked_for q;
  std::size_t at = header_bytes;
  for (;;) {
    if (at >= packet.size()) return std::nullopt;
    std::size_t const length = static_cast<unsigned char>(packet[at++]);
    if (length == 0) break;
    if (length > 63 || at + length > packet.size()) return std::nullopt;
    if (!q.name.empty()) q.name += '.';
    for (std::size_t i = 0; i < length; ++i)
      q.name += static_cast<char>(std::tolower(static_cast<unsigned char>(packet[at + i])));
    at += length;
  }
  if (at + 4 > packet.size()) return std::nullopt;
  q.type = read16(packet, at);
  q.end = at + 4;
  return q;
}

unsigned code_of(name_server::mood how) {
  switch (how) {
    case name_server::mood::fails: return 2;
    case name_server::mood::no_such_name: return 3;
    case name_server::mood::refuses: return 5;
    default: return 0;
  }
}

}  // namespace

name_server::name_server(std::string address, std::uint16_t port)
    : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &at.sin_addr);
  socklen_t size = sizeof at;
  if (!socket_ || ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
    throw std::runtime_error(std::string("no name server: ") + std::strerror(errno));
  port_ = ntohs(at.sin_port);
  thread_ = std::thread([this] { serve(); });
}

name_server::~name_server() {
  stop_.open();
  thread_.join();
}

void name_server::set(const std::string& name, entry what) {
  std::lock_guard const lock(mutex_);
  names_[name] = std::move(what);
}

unsigned name_server::questions(const std::string& name) const {
  std::lock_guard const lock(mutex_);
  auto const found = asked_.find(name);
  return found == asked_.end() ? 0 : found->second;
}

void name_server::serve() {
  for (;;) {
    pollfd entries[2] = {{socket_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
    if (::poll(entries, 2, -1) < 0) continue;
    if (entries[1].revents != 0) return;
    char buffer[1500];
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    auto const n = ::recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n <= 0) continue;
    auto const reply = answer(std::string(buffer, static_cast<std::size_t>(n)));
    if (!reply.empty())
      (void)::sendto(socket_.get(), reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
  }
}

/// Empty: nothing is said.
std::string name_server::answer(const std::string& question) {
  auto const q = read_question(question);
  if (!q) return {};
  entry known;
  {
    std::lock_guard const lock(mutex_);
    ++asked_[q->name];
    auto const found = names_.find(q->name);
    if (found == names_.end())
      known.how = mood::no_such_name;
    else
      known = found->second;
  }
  if (known.how == mood::silent) return {};
  if (known.how == mood::garbage) return question.substr(0, 2) + std::string(40, '\xff');

  std::string records;
  unsigned count = 0;
  for (auto const& text : known.addresses) {
    in6_addr raw{};
    bool const v6 = text.find(':') != std::string::npos;
    if ((v6 ? type_aaaa : type_a) != q->type || known.how != mood::answers) continue;
    if (::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), &raw) != 1) throw std::logic_error("no address: " + text);
    append16(records, 0xc000 | header_bytes);  // the name of the question
    append16(records, q->type);
    append16(records, 1);  // IN
    append16(records, known.ttl >> 16);
    append16(records, known.ttl & 0xffff);
    std::size_t const bytes = v6 ? 16 : 4;
    append16(records, static_cast<unsigned>(bytes));
    records.append(reinterpret_cast<const char*>(&raw), bytes);
    ++count;
  }
  std::string out = question.substr(0, 2);
  append16(out, 0x8180 | code_of(known.how));  // a recursive answer
  append16(out, 1);
  append16(out, count);
  append16(out, 0);
  append16(out, 0);
  return out + question.substr(header_bytes, q->end - header_bytes) + records;
}

}  // namespace tideover::test
