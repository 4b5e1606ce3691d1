#include "listeners.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tideover/app/handed_sockets.hpp"
#include "tideover/config/check.hpp"
#include "tideover/net/listener.hpp"

namespace tideover::app {

namespace {

net::ssl_context context_of(const config::listener& l) {
  if (!l.tls) return nullptr;
  return net::make_server_context(l.tls->certificate_file, l.tls->key_file, l.tls->client_ca_file);
}

/// Changes with every way in which files are replaced: moved into place, written over, a link that points elsewhere.
std::string look_of(const std::string& file) {
  struct stat s {};
  if (file.empty() || ::stat(file.c_str(), &s) != 0) return file + ":gone;";
  return file + ":" + std::to_string(s.st_dev) + ":" + std::to_string(s.st_ino) + ":" + std::to_string(s.st_size) +
         ":" + std::to_string(s.st_mtim.tv_sec) + "." + std::to_string(s.st_mtim.tv_nsec) + ";";
}

std::string look_of_certificates(const config::snapshot& c) {
  std::string look;
  for (const auto& l : c.listeners)
    if (l.tls) look += look_of(l.tls->certificate_file) + look_of(l.tls->key_file) + look_of(l.tls->client_ca_file);
  return look;
}

/// Without the port, as configurations name hosts.
std::string host_of(const std::string& bound) {
  auto host = bound.substr(0, bound.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

listeners::plan::~plan() {
  for (const auto& sockets : opened)
    for (const auto& s : sockets) ::close(s.descriptor);
}

proxy::door_changes listeners::plan::take(std::size_t worker) {
  proxy::door_changes changes{kept, {}, closed};
  if (worker < opened.size()) changes.opened = std::exchange(opened[worker], {});
  return changes;
}

/// A certificate and its key are two files, and somebody may be between writing one and the other: what is refused once
/// is not tried again before it looks different.
std::vector<net::ssl_context> listeners::read_certificates(const config::snapshot& wanted, const std::string& files) {
  std::vector<net::ssl_context> all;
  try {
    for (const auto& l : wanted.listeners) all.push_back(context_of(l));
  } catch (const std::exception&) {
    files_refused_ = files;
    throw;
  }
  return all;
}

listeners::plan listeners::prepare(const config::snapshot& wanted) {
  if (handed_.size() > wanted.listeners.size())
    throw std::runtime_error(std::to_string(handed_.size()) +
                             " sockets were handed down for the proxy, but `listen` has " +
                             std::to_string(wanted.listeners.size()) +
                             " entries: add the others there, or name the socket of the admin API `admin` "
                             "(FileDescriptorName=)");
  plan made;
  made.files = look_of_certificates(wanted);
  auto const certificates = read_certificates(wanted, made.files);
  made.opened.resize(workers_);
  for (std::size_t i = 0; i < handed_.size(); ++i) add_handed(made, wanted.listeners[i], certificates[i], i, wanted);
  auto left = entries_;
  std::erase_if(left, [](const entry& e) { return e.handed; });
  for (std::size_t i = handed_.size(); i < wanted.listeners.size(); ++i) {
    const auto& listener = wanted.listeners[i];
    auto const& tls = certificates[i];
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
    entry const fresh{next_number_++, listener.at, bound.address, false};
    for (std::size_t w = 0; w < workers_; ++w)
      made.opened[w].push_back({fresh.number, bound.descriptors[w], tls, false});
    made.next.push_back(fresh);
  }
  for (const auto& e : left) made.closed.push_back(e.number);
  return made;
}

/// One open socket, which all workers share; the kernel wakes them all for each caller, and one of them gets it.
void listeners::add_handed(plan& made, const config::listener& wanted, net::ssl_context tls, std::size_t place,
                           const config::snapshot& all) {
  auto const bound = name_of_socket(handed_[place]);
  if (config::is_too_open(wanted, host_of(bound), all))
    throw std::runtime_error("the socket " + bound +
                             " that was handed down can be reached from other machines, and callers need no key: set "
                             "`clients.required` with keys, or give ListenStream= an address on this machine");
  auto const known =
      std::find_if(entries_.begin(), entries_.end(), [&](const entry& e) { return e.handed && e.bound == bound; });
  if (known != entries_.end()) {
    made.kept.emplace_back(known->number, tls);
    made.next.push_back(*known);
    return;
  }
  entry const fresh{next_number_++, wanted.at, bound, true};
  for (auto& sockets : made.opened)
    sockets.push_back({fresh.number, ::fcntl(handed_[place], F_DUPFD_CLOEXEC, 0), tls, true});
  made.next.push_back(fresh);
}

void listeners::commit(const plan& made) {
  entries_ = made.next;
  files_used_ = made.files;
}

bool listeners::certificates_renewed(const config::snapshot& current) const {
  auto const look = look_of_certificates(current);
  return look != files_used_ && look != files_refused_;
}

std::vector<std::string> listeners::addresses() const {
  std::vector<std::string> all;
  for (const auto& e : entries_) all.push_back(e.bound);
  return all;
}

}  // namespace tideover::app
