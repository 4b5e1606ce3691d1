#include "listeners.hpp"

#include <unistd.h>

#include <algorithm>

#include "tideover/net/listener.hpp"

namespace tideover::app {

listeners::plan::~plan() {
  for (const auto& sockets : opened)
    for (const auto& s : sockets) ::close(s.descriptor);
}

proxy::door_changes listeners::plan::take(std::size_t worker) {
  proxy::door_changes changes{kept, {}, closed};
  if (worker < opened.size()) changes.opened = std::exchange(opened[worker], {});
  return changes;
}

listeners::plan listeners::prepare(const config::snapshot& wanted) {
  plan made;
  made.opened.resize(workers_);
  auto left = entries_;
  for (const auto& listener : wanted.listeners) {
    net::ssl_context tls;
    if (listener.tls) tls = net::make_server_context(listener.tls->certificate_file, listener.tls->key_file);
    auto const same = std::find_if(left.begin(), left.end(), [&](const entry& e) {
      return e.at.host == listener.at.host && e.at.port == listener.at.port;
    });
    if (same != left.end()) {
      made.kept.emplace_back(same->number, tls);
      made.next.push_back(*same);
      left.erase(same);
      continue;
    }
    // A port of our own under another address looks taken to whoever asks whether it is free.
    bool const ours = std::any_of(entries_.begin(), entries_.end(),
                                  [&](const entry& e) { return e.at.port == listener.at.port && e.at.port != 0; });
    auto const bound = net::listen_on(listener.at.host, listener.at.port, workers_,
                                      ours ? net::port_use::may_be_ours : net::port_use::must_be_free);
    entry const fresh{next_number_++, listener.at, bound.address};
    for (std::size_t i = 0; i < workers_; ++i) made.opened[i].push_back({fresh.number, bound.descriptors[i], tls});
    made.next.push_back(fresh);
  }
  for (const auto& e : left) made.closed.push_back(e.number);
  return made;
}

std::vector<std::string> listeners::addresses() const {
  std::vector<std::string> all;
  for (const auto& e : entries_) all.push_back(e.bound);
  return all;
}

}  // namespace tideover::app
