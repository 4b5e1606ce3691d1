#include "tideover/app/stand_in.hpp"

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdio>
#include <future>
#include <thread>
#include <unordered_set>

#include "stand_in_answers.hpp"

namespace tideover::app {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr auto step_limit = 60s;             // every wait for the peer ends by then
constexpr std::size_t body_limit = 8 << 20;  // more than any demo sends

using request = http::request<http::string_body>;

std::string head(unsigned status, std::string_view type, std::string_view framing, bool keep_alive) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text += http::obsolete_reason(static_cast<http::status>(status));
  text.append("\r\nContent-Type: ").append(type).append("\r\nServer: tideover-stand-in\r\n").append(framing);
  text += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  return text;
}

std::string whole(unsigned status, std::string_view body, bool keep_alive) {
  return head(status, "application/json", "Content-Length: " + std::to_string(body.size()), keep_alive) +
         std::string(body);
}

std::string chunk(std::string_view data) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

tcp::endpoint loopback(std::uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

}  // namespace

struct stand_in::server {
  explicit server(const stand_in_options& how) : options(how), holder(io), listener(io), control(io) {
    // The holder never listens; it keeps the port ours while the listener is closed.
    holder.open(tcp::v4());
    holder.set_option(tcp::acceptor::reuse_address(true));
    holder.bind(loopback(0));
    listen();
    if (options.with_control) {
      control.open(tcp::v4());
      control.bind(loopback(0));
      control.listen();
      asio::co_spawn(io, accept(control, true), asio::detached);
    }
    thread = std::thread([this] { io.run(); });
  }

  ~server() {
    io.stop();
    thread.join();
  }

  void listen() {
    listener.open(tcp::v4());
    listener.set_option(tcp::acceptor::reuse_address(true));
    listener.bind(holder.local_endpoint());
    listener.listen();
    asio::co_spawn(io, accept(listener, false), asio::detached);
  }

  // The next two run on the server's thread only.
  void cut() {
    cut_now = true;
    boost::system::error_code ignored;
    listener.close(ignored);
    for (auto* stream : open) stream->socket().close(ignored);
  }

  void restore() {
    if (!cut_now) return;
    listen();
    cut_now = false;
  }

  /// Runs `what` on the server's thread and waits for it.
  template <class Callable>
  void on_thread(Callable what) {
    std::packaged_task<void()> task(std::move(what));
    auto done = task.get_future();
    asio::post(io, std::move(task));
    done.get();
  }

  asio::awaitable<void> accept(tcp::acceptor& from, bool is_control) {
    for (;;) {
      boost::system::error_code ec;
      auto socket = co_await from.async_accept(asio::redirect_error(asio::use_awaitable, ec));
      if (ec == asio::error::operation_aborted || !from.is_open()) co_return;
      if (ec) {  // out of descriptors, most likely: trying again at once would spin
        asio::steady_timer pause(io, 100ms);
        co_await pause.async_wait(asio::use_awaitable);
        continue;
      }
      asio::co_spawn(io, serve(std::move(socket), is_control), asio::detached);
    }
  }

  asio::awaitable<void> serve(tcp::socket socket, bool is_control) {
    beast::tcp_stream stream(std::move(socket));
    boost::system::error_code ignored;
    stream.socket().set_option(tcp::no_delay(true), ignored);
    // Registered while it lives, so that cut() can end it; the control port survives the outage it commands.
    struct registration {
      std::unordered_set<beast::tcp_stream*>& set;
      beast::tcp_stream* entry;
      ~registration() { set.erase(entry); }
    } const registered{open, is_control ? nullptr : &stream};
    if (!is_control) open.insert(&stream);
    try {
      beast::flat_buffer buffer;
      for (bool keep_alive = true; keep_alive;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(body_limit);
        stream.expires_after(step_limit);
        co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
        auto const message = parser.release();
        keep_alive = message.keep_alive();
        if (is_control)
          co_await command(stream, message);
        else
          co_await answer(stream, message);
      }
      stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    } catch (const boost::system::system_error&) {
      // The peer left, took too long, or the outage came: this connection is over and nobody else is touched.
    }
  }

  asio::awaitable<void> send(beast::tcp_stream& stream, std::string bytes) {
    stream.expires_after(step_limit);
    co_await asio::async_write(stream, asio::buffer(bytes), asio::use_awaitable);
  }

  asio::awaitable<void> answer(beast::tcp_stream& stream, const request& message) {
    std::string_view const target(message.target().data(), message.target().size());
    auto const path = target.substr(0, target.find('?'));
    std::string_view const method(message.method_string().data(), message.method_string().size());
    auto const what = answer_as(options.kind, method, path, message.body());
    asio::steady_timer timer(io);
    if (what.events.empty()) {
      timer.expires_after(options.pace * static_cast<int>(what.words));
      co_await timer.async_wait(asio::use_awaitable);
      co_await send(stream, whole(what.status, what.body, message.keep_alive()));
      co_return;
    }
    co_await send(stream, head(200, what.stream_type, "Transfer-Encoding: chunked", message.keep_alive()));
    for (auto const& event : what.events) {
      co_await send(stream, chunk(event));
      timer.expires_after(options.pace);
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_await send(stream, "0\r\n\r\n");
  }

  asio::awaitable<void> command(beast::tcp_stream& stream, const request& message) {
    auto const target = message.target();
    unsigned status = 200;
    std::string body;
    if (message.find(http::field::origin) != message.end()) {
      status = 403;  // a web page in the reader's browser has no business here
      body = R"({"error":"not for browsers"})";
    } else if (target != "/cut" && target != "/restore") {
      status = 404;
      body = R"({"error":"use POST /cut or POST /restore"})";
    } else if (message.method() != http::verb::post) {
      status = 405;
      body = R"({"error":"use POST"})";
    } else {
      if (target == "/cut")
        cut();
      else
        restore();
      body = cut_now ? R"({"cloud":"cut"})" : R"({"cloud":"serving"})";
    }
    co_await send(stream, whole(status, body + "\n", message.keep_alive()));
  }

  stand_in_options options;
  std::atomic<bool> cut_now{false};
  std::unordered_set<beast::tcp_stream*> open;  // outlives `io`, whose destructor ends the coroutines that use it
  asio::io_context io{1};
  tcp::acceptor holder, listener, control;
  std::thread thread;
};

stand_in::stand_in(const stand_in_options& options) : server_(std::make_unique<server>(options)) {}
stand_in::~stand_in() = default;

std::uint16_t stand_in::port() const { return server_->holder.local_endpoint().port(); }
std::string stand_in::url() const { return "http://127.0.0.1:" + std::to_string(port()); }
std::optional<std::uint16_t> stand_in::control_port() const {
  if (!server_->options.with_control) return std::nullopt;
  return server_->control.local_endpoint().port();
}

void stand_in::cut() {
  server_->on_thread([s = server_.get()] { s->cut(); });
}
void stand_in::restore() {
  server_->on_thread([s = server_.get()] { s->restore(); });
}
bool stand_in::is_cut() const { return server_->cut_now; }

}  // namespace tideover::app
