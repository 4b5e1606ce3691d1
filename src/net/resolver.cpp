#include "tideover/net/resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "tideover/core/thread.hpp"

namespace tideover::net {

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

}  // namespace

struct resolver::state {
  explicit state(name_cache_settings settings) : cache(settings) {}

  std::mutex mutex;
  name_cache cache;
  std::map<name_key, std::vector<subscriber>> waiting;
  lookup_function lookup;

  /// Called with the mutex held. False: no thread could be started; the lookup is over before it began.
  static bool begin(const std::shared_ptr<state>& shared, const name_key& name, std::uint64_t number) {
    try {
      start_thread("lookup", [shared, name, number] { shared->look_up(name, number); }).detach();
      return true;
    } catch (const std::exception&) {  // no thread, no memory
      (void)shared->cache.finished(name, number, {}, clock::now());
      return false;
    }
  }

  void look_up(const name_key& name, std::uint64_t number) {
    lookup_result result;
    try {
      result = lookup(name.first, name.second);
    } catch (const std::exception& problem) {  // out of memory: nobody else's lookup may end with this one
      result.error = problem.what();
      result.ours = true;
    }
    std::vector<subscriber> told;
    {
      std::lock_guard const lock(mutex);
      auto usable = cache.finished(name, number, result.addresses, clock::now());
      if (!usable) return;
      result.addresses = std::move(*usable);
      if (!result.addresses.empty()) result.error.clear();  // old ones will do
      if (auto const queue = waiting.find(name); queue != waiting.end()) {
        told.swap(queue->second);
        waiting.erase(queue);
      }
    }
    for (auto& s : told)
      s.where->post([who = s.who, loop = s.loop, result] {
        who->result = result;
        who->done.raise(*loop, signalled);
      });
  }

  /// Who no longer waits must not be remembered: a lookup may hang for as long as the process lives.
  void leave(const name_key& name, const std::shared_ptr<ticket>& who) {
    std::lock_guard const lock(mutex);
    auto const queue = waiting.find(name);
    if (queue == waiting.end()) return;
    std::erase_if(queue->second, [&](const subscriber& s) { return s.who == who; });
    if (queue->second.empty()) waiting.erase(queue);
  }
};

resolver::resolver(lookup_function lookup, name_cache_settings settings) : state_(std::make_shared<state>(settings)) {
  state_->lookup = std::move(lookup);
}

resolver::~resolver() = default;

task<lookup_result> resolver::resolve(event_loop& loop, std::string host, std::uint16_t port, time_point deadline,
                                      event_source* also) {
  lookup_result result;
  if (auto literal = address_of_literal(host, port); literal.size != 0) {
    result.addresses.push_back(literal);
    co_return result;
  }
  name_key const name(std::move(host), port);
  auto const mine = std::make_shared<ticket>();
  auto wait_until = deadline;
  {
    auto const now = clock::now();
    std::lock_guard const lock(state_->mutex);
    auto advice = state_->cache.ask(name, now);
    result.addresses = std::move(advice.addresses);
    if (advice.begin != 0) advice.in_flight = state::begin(state_, name, advice.begin);
    if (!advice.in_flight) {
      if (result.addresses.empty()) {
        result.ours = true;
        result.error = advice.begin != 0 ? "no thread can be started to look the name up"
                                         : "too many lookups of other names are stuck";
      }
      co_return result;
    }
    wait_until = std::min(deadline, advice.wait_until);
    if (wait_until <= now && !result.addresses.empty()) co_return result;
    state_->waiting[name].push_back({mine, loop.inbox(), &loop.reactions()});
  }
  auto const how = co_await loop.reactions().wait(wait_until, on(mine->done, signalled), on(also, hangup));
  if (how == woken::ready && mine->done.is(signalled)) co_return mine->result;
  state_->leave(name, mine);
  if (how != woken::timed_out) result.addresses.clear();  // nobody wants them any more
  result.timed_out = how == woken::timed_out && result.addresses.empty();
  if (result.addresses.empty()) result.error = "the name service has not answered in time";
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
    int const error = errno;
    bool const by_system = code == EAI_SYSTEM;
    result.error = by_system ? std::strerror(error) : ::gai_strerror(code);
    result.ours = code == EAI_MEMORY ||
                  (by_system && (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS));
    return result;
  }
  for (auto const* a = list; a; a = a->ai_next) {
    if (a->ai_addrlen > sizeof(sockaddr_storage) || (a->ai_family != AF_INET && a->ai_family != AF_INET6)) continue;
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
