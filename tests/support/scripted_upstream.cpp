#include "support/scripted_upstream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace tideover::test {

bool recorded_request::asks_for_stream() const {
  auto const json = nlohmann::json::parse(body, nullptr, false);
  return json.is_object() && json.value("stream", nlohmann::json()) == true;
}

served_connection::served_connection(wire& raw, std::function<void()> note_peer_left)
    : raw_(&raw), note_peer_left_(std::move(note_peer_left)) {}

io served_connection::send_in_pieces(std::string_view bytes, std::size_t piece) {
  while (!bytes.empty()) {
    auto const n = std::min(piece, bytes.size());
    if (auto const result = send(bytes.substr(0, n)); result != io::ok) return result;
    bytes.remove_prefix(n);
  }
  return io::ok;
}

namespace {
std::string head(int status, std::string_view type, const field_list& extra) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
  if (!type.empty()) text.append("Content-Type: ").append(type).append("\r\n");
  for (auto const& [name, value] : extra) text += name + ": " + value + "\r\n";
  return text;
}
}  // namespace

io served_connection::answer(int status, std::string_view body, const field_list& extra, std::string_view type) {
  return send(head(status, type, extra) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
              std::string(body));
}

io served_connection::begin_stream(std::string_view type, const field_list& extra, int status) {
  return send(head(status, type, extra) + "Transfer-Encoding: chunked\r\n\r\n");
}

void served_connection::say_nothing() {
  auto const result = raw_->wait_until_peer_leaves();
  if (result == io::end || result == io::reset || result == io::tls_cut) note_peer_left_();
  close();
}

void served_connection::close() { raw_->close(); }
void served_connection::close_abruptly() { raw_->close_abruptly(); }
void served_connection::reset() { raw_->reset(); }

struct scripted_upstream::state {
  struct route {
    std::deque<script> once;
    script always;
  };
  struct served {
    std::thread thread;
    std::atomic<bool> done{false};
  };

  reserved_port port;
  mutable std::mutex mutex;  // guards everything down to `peers_left`
  ssl_context tls;
  std::map<std::string, route, std::less<>> routes;
  std::function<bool(wire&)> on_accept;
  std::vector<recorded_request> requests;
  unsigned accepted = 0;
  unsigned open = 0;
  std::uint64_t bytes = 0;
  unsigned peers_left = 0;

  // One run between start() and stop().
  std::unique_ptr<gate> stop;
  std::atomic<bool> end_with_reset{false};
  std::thread acceptor;
  std::list<served> connections;  // touched by the acceptor, and by stop() after it has ended

  script find(const std::string& path) {
    std::lock_guard const lock(mutex);
    for (auto const& key : {path, std::string("*")}) {
      auto const found = routes.find(key);
      if (found == routes.end()) continue;
      if (!found->second.once.empty()) {
        auto what = std::move(found->second.once.front());
        found->second.once.pop_front();
        return what;
      }
      if (found->second.always) return found->second.always;
    }
    return [](served_connection& c, const recorded_request&) { c.answer(404, "404 page not found", {}, "text/plain"); };
  }

  void accept_loop(descriptor listener) {
    for (;;) {
      pollfd entries[2] = {{listener.get(), POLLIN, 0}, {stop->fd(), POLLIN, 0}};
      if (::poll(entries, 2, -1) < 0) continue;
      if (entries[1].revents != 0) return;
      descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) continue;
      connections.remove_if([](served& c) {
        if (!c.done) return false;
        c.thread.join();
        return true;
      });
      unsigned number = 0;
      {
        std::lock_guard const lock(mutex);
        number = ++accepted;
        ++open;
      }
      auto& entry = connections.emplace_back();
      entry.thread = std::thread([this, number, &entry, fd = socket.release()] {
        serve(descriptor(fd), number);
        {
          std::lock_guard const lock(mutex);
          --open;
        }
        entry.done = true;
      });
    }
  }

  void serve(descriptor socket, unsigned number) {
    wire raw(std::move(socket), stop.get());
    try {
      serve_requests(raw, number);
    } catch (const std::exception&) {
      // A peer that talks nonsense, or a socket that broke under a script: the test sees it from the other side.
    }
    if (!raw.is_open()) return;
    if (end_with_reset)
      raw.reset();
    else
      raw.close();
  }

  void serve_requests(wire& raw, unsigned number) {
    std::function<bool(wire&)> greet;
    ssl_context context;
    {
      std::lock_guard const lock(mutex);
      greet = on_accept;
      context = tls;
    }
    if (greet && !greet(raw)) return;
    if (context && raw.accept_tls(context) != io::ok) return;

    message_reader reader(raw);
    served_connection connection(raw, [this] {
      std::lock_guard const lock(mutex);
      ++peers_left;
    });
    std::uint64_t counted = 0;
    auto const count = [&] {
      std::lock_guard const lock(mutex);
      bytes += raw.bytes_read() - counted;
      counted = raw.bytes_read();
    };
    for (unsigned nth = 0; raw.is_open(); ++nth) {
      recorded_request request;
      auto const result = reader.read_head(request.head, steady::time_point::max() - 24h);
      count();
      if (result != io::ok) return;
      auto parsed = parse_head(request.head);
      auto const first = parsed.first_line.find(' ');
      auto const second = parsed.first_line.rfind(' ');
      request.method = parsed.first_line.substr(0, first);
      request.target = parsed.first_line.substr(first + 1, second - first - 1);
      request.fields = std::move(parsed.fields);
      request.connection = number;
      request.nth_on_connection = nth;

      std::uint64_t length = 0;
      if (auto const text = request.field("content-length"))
        std::from_chars(text->data(), text->data() + text->size(), length);
      reader.begin_body(
          request.field("transfer-encoding") ? message_reader::framing::chunked : message_reader::framing::length,
          length);
      auto const body = reader.read_body(request.body, request.raw_body, steady::time_point::max() - 24h);
      count();
      if (body != io::ok) return;
      {
        std::lock_guard const lock(mutex);
        requests.push_back(request);
      }
      find(request.path())(connection, request);
      count();
      if (auto const asked = request.field("connection"); asked && same_name(*asked, "close")) return;
    }
  }
};

scripted_upstream::scripted_upstream(ssl_context tls) : state_(std::make_unique<state>()) {
  state_->tls = std::move(tls);
  start();
}

scripted_upstream::~scripted_upstream() { stop(); }

void scripted_upstream::on(const std::string& path, script what) {
  std::lock_guard const lock(state_->mutex);
  state_->routes[path].always = std::move(what);
}

void scripted_upstream::once(const std::string& path, script what) {
  std::lock_guard const lock(state_->mutex);
  state_->routes[path].once.push_back(std::move(what));
}

void scripted_upstream::on_accept(std::function<bool(wire&)> what) {
  std::lock_guard const lock(state_->mutex);
  state_->on_accept = std::move(what);
}

void scripted_upstream::present(ssl_context tls) {
  std::lock_guard const lock(state_->mutex);
  state_->tls = std::move(tls);
}

void scripted_upstream::start() {
  if (state_->acceptor.joinable()) return;
  state_->stop = std::make_unique<gate>();
  state_->end_with_reset = false;
  state_->acceptor = std::thread(
      [s = state_.get(), fd = state_->port.listen().release()]() mutable { s->accept_loop(descriptor(fd)); });
}

void scripted_upstream::stop() {
  if (!state_->acceptor.joinable()) return;
  state_->stop->open();
  state_->acceptor.join();
  for (auto& connection : state_->connections) connection.thread.join();
  state_->connections.clear();
}

void scripted_upstream::stop_with_reset() {
  state_->end_with_reset = true;
  stop();
}

std::uint16_t scripted_upstream::port() const { return state_->port.number(); }

std::string scripted_upstream::url() const {
  std::lock_guard const lock(state_->mutex);
  return (state_->tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port());
}

unsigned scripted_upstream::connections() const {
  std::lock_guard const lock(state_->mutex);
  return state_->accepted;
}

unsigned scripted_upstream::open_connections() const {
  std::lock_guard const lock(state_->mutex);
  return state_->open;
}

std::uint64_t scripted_upstream::application_bytes() const {
  std::lock_guard const lock(state_->mutex);
  return state_->bytes;
}

unsigned scripted_upstream::peers_that_left() const {
  std::lock_guard const lock(state_->mutex);
  return state_->peers_left;
}

std::vector<recorded_request> scripted_upstream::requests() const {
  std::lock_guard const lock(state_->mutex);
  return state_->requests;
}

std::vector<recorded_request> scripted_upstream::requests_to(std::string_view path) const {
  std::vector<recorded_request> matching;
  for (auto& request : requests())
    if (request.path() == path) matching.push_back(std::move(request));
  return matching;
}

bool scripted_upstream::wait_for_requests(std::size_t at_least) const {
  return eventually([&] {
    std::lock_guard const lock(state_->mutex);
    return state_->requests.size() >= at_least;
  });
}

}  // namespace tideover::test
