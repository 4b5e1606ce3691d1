#include "tideover/net/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace tideover::net {

bool socket_address::points_inward() const {
  if (family() == AF_INET) {
    auto const ip = ntohl(reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr.s_addr);
    return ip >> 24 == 127 || ip >> 24 == 0 || ip >> 16 == 0xa9fe;  // 127/8, 0/8, 169.254/16
  }
  if (family() == AF_INET6) {
    auto const& ip = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) return ip.s6_addr[12] == 127 || ip.s6_addr[12] == 0;
    return IN6_IS_ADDR_LOOPBACK(&ip) || IN6_IS_ADDR_UNSPECIFIED(&ip) || IN6_IS_ADDR_LINKLOCAL(&ip);
  }
  return false;
}

std::string socket_address::to_string() const {
  char host[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    auto const* const v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  auto const* const v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  ::inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
  return "[" + std::string(host) + "]:" + std::to_string(ntohs(v6->sin6_port));
}

socket_address address_of_literal(const std::string& host, std::uint16_t port) {
  socket_address address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
  }
  return address;
}

namespace {

/// One caller's wait. The source is touched on the caller's loop only.
struct ticket {
  event_source done;
  lookup_result result;
};

struct subscriber {
  std::shared_ptr<ticket> who;
  std::shared_ptr<mailbox> where;
  reactor* loop;  // valid while the mailbox delivers
};

struct entry {
  std::vector<socket_address> addresses;
  time_point good_until{};
  bool in_flight = false;
  std::vector<subscriber> waiting;
};

}  // namespace

struct resolver::state {
  std::mutex mutex;
  std::map<std::pair<std::string, std::uint16_t>, entry> entries;
  unsigned in_flight = 0;
  lookup_function lookup;

  void deliver(const std::pair<std::string, std::uint16_t>& key, lookup_result result) {
    std::vector<subscriber> waiting;
    {
      std::lock_guard const lock(mutex);
      auto& e = entries[key];
      e.in_flight = false;
      --in_flight;
      waiting.swap(e.waiting);
      if (result.addresses.empty()) {
        entries.erase(key);
      } else {
        e.addresses = result.addresses;
        e.good_until = clock::now() + keep_for;
      }
    }
    for (auto& w : waiting)
      w.where->post([who = w.who, loop = w.loop, result] {
        who->result = result;
        who->done.raise(*loop, signalled);
      });
  }
};

resolver::resolver(lookup_function lookup) : state_(std::make_shared<state>()) { state_->lookup = std::move(lookup); }

resolver::~resolver() = default;

task<lookup_result> resolver::resolve(event_loop& loop, std::string host, std::uint16_t port, time_point deadline) {
  lookup_result result;
  if (auto literal = address_of_literal(host, port); literal.size != 0) {
    result.addresses.push_back(literal);
    co_return result;
  }
  auto const mine = std::make_shared<ticket>();
  {
    std::lock_guard const lock(state_->mutex);
    std::pair const key(host, port);
    auto& e = state_->entries[key];
    if (clock::now() < e.good_until) {
      result.addresses = e.addresses;
      co_return result;
    }
    if (!e.in_flight) {
      if (state_->in_flight >= max_in_flight) {
        result.error = "too many name lookups are stuck";
        co_return result;
      }
      try {
        std::thread([shared = state_, key] { shared->deliver(key, shared->lookup(key.first, key.second)); }).detach();
      } catch (const std::system_error& problem) {
        result.error = std::string("cannot start a name lookup: ") + problem.what();
        co_return result;
      }
      e.in_flight = true;
      ++state_->in_flight;
    }
    e.waiting.push_back({mine, loop.inbox(), &loop.reactions()});
  }
  auto const how = co_await loop.reactions().wait(deadline, on(mine->done, signalled));
  if (how == woken::ready) co_return mine->result;
  result.timed_out = true;
  result.error = "no answer from the name service in time";
  co_return result;
}

lookup_result resolver::system_lookup(const std::string& host, std::uint16_t port) {
  lookup_result result;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  int const code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (code != 0) {
    result.error = ::gai_strerror(code);
    return result;
  }
  for (auto const* a = list; a; a = a->ai_next) {
    if (a->ai_addrlen > sizeof(sockaddr_storage)) continue;
    socket_address address;
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    address.size = a->ai_addrlen;
    result.addresses.push_back(address);
  }
  ::freeaddrinfo(list);
  if (result.addresses.empty()) result.error = "the name has no address";
  return result;
}

}  // namespace tideover::net
