#include "tideover/ops/admin_server.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <vector>

#include "tideover/ops/admin_socket.hpp"

namespace tideover::ops {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using unix_socket = asio::local::stream_protocol;
using connection = beast::basic_stream<asio::generic::stream_protocol>;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr auto patience = std::chrono::seconds(10);
constexpr auto heartbeat = std::chrono::seconds(15);
constexpr auto linger_for = std::chrono::seconds(2);

bool is_http_error(const beast::error_code& error) {
  return error.category() == beast::error_code(http::error::end_of_stream).category();
}

request_head head_of(const http::request_header<>& from) {
  request_head head;
  head.method = {from.method_string().data(), from.method_string().size()};
  head.target = {from.target().data(), from.target().size()};
  head.version = from.version();
  for (const auto& f : from)
    head.fields.list.push_back(
        {f.name(), {f.name_string().data(), f.name_string().size()}, {f.value().data(), f.value().size()}});
  return head;
}

http::response<http::string_body> response_of(const admin_reply& reply, const request_head& head, bool keep_alive) {
  http::response<http::string_body> response;
  response.version(head.version);
  response.result(static_cast<unsigned>(reply.status));
  response.keep_alive(keep_alive);
  response.set(http::field::content_type, reply.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : reply.headers) response.set(name, value);
  response.body() = reply.body;
  response.prepare_payload();
  if (head.method == "HEAD") response.body().clear();
  return response;
}

admin_reply reply_to(beast::error_code error) {
  if (error == http::error::body_limit)
    return error_reply(413, "body_too_large", "The body is larger than this path takes (usually 64 KiB).");
  if (error == http::error::header_limit) return error_reply(431, "head_too_large", "The head is larger than 16 KiB.");
  return error_reply(400, "bad_request", "This is not a well-formed HTTP/1.1 request.");
}

/// The loops that accept from them see it and end; until then they refer to them.
template <class Doors>
void close_all(Doors& doors) {
  beast::error_code ignored;
  for (auto& door : doors) door->close(ignored);
}

}  // namespace

struct admin_server::state : std::enable_shared_from_this<admin_server::state> {
  state(asio::io_context& c, admin_api& a, event_feed& f) : control(c), api(a), feed(f) {}

  asio::io_context& control;
  admin_api& api;
  event_feed& feed;
  std::vector<std::unique_ptr<tcp::acceptor>> tcp_doors;
  std::vector<std::unique_ptr<unix_socket::acceptor>> unix_doors;
  std::size_t connections = 0;
  bool reads_need_token = false;

  template <class Acceptor, class Describe>
  asio::awaitable<void> accept_all(Acceptor& acceptor, Describe describe);
  asio::awaitable<void> serve(connection stream, admin_door door);
  asio::awaitable<bool> one_request(connection& stream, beast::flat_buffer& buffer, const admin_door& door);
  asio::awaitable<bool> send(connection& stream, const admin_reply& reply, const request_head& head, bool keep_alive);
  asio::awaitable<void> refuse_unread(connection& stream, const admin_reply& reply, const request_head& head);
  asio::awaitable<admin_reply> finish(std::shared_ptr<admin_reply::work> what);
  asio::awaitable<void> send_events(connection& stream, beast::flat_buffer& buffer,
                                    std::shared_ptr<event_feed::listener> from);
};

asio::awaitable<bool> admin_server::state::send(connection& stream, const admin_reply& reply, const request_head& head,
                                                bool keep_alive) {
  auto response = response_of(reply, head, keep_alive);
  stream.expires_after(patience);
  auto const [error, bytes] = co_await http::async_write(stream, response, as_result);
  co_return !error && keep_alive;
}

/// Closing with unread bytes would reset the connection and could take our answer with it (RFC 9112 §9.6).
asio::awaitable<void> admin_server::state::refuse_unread(connection& stream, const admin_reply& reply,
                                                         const request_head& head) {
  co_await send(stream, reply, head, false);
  beast::error_code ignored;
  stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  stream.expires_after(linger_for);
  std::vector<char> discarded(4096);
  std::size_t total = 0;
  while (total < (1u << 20)) {
    auto const [error, bytes] = co_await stream.async_read_some(asio::buffer(discarded), as_result);
    if (error) break;
    total += bytes;
  }
}

/// The work may end after its asker has left, or after the server: then nobody is woken.
asio::awaitable<admin_reply> admin_server::state::finish(std::shared_ptr<admin_reply::work> what) {
  struct waiting {
    asio::steady_timer wake;
    bool done = false;
  };
  auto const mine = std::make_shared<waiting>(waiting{asio::steady_timer(control, what->at_most)});
  what->begin([weak = std::weak_ptr(mine)] {
    auto const asker = weak.lock();
    if (!asker) return;
    asker->done = true;
    asker->wake.cancel();
  });
  if (!mine->done) (void)co_await mine->wake.async_wait(as_result);
  co_return what->end(mine->done);
}

/// True: the connection takes another request.
asio::awaitable<bool> admin_server::state::one_request(connection& stream, beast::flat_buffer& buffer,
                                                       const admin_door& door) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(most_head_bytes);
  parser.body_limit(api.largest_body_limit());
  stream.expires_after(patience);
  auto const [head_error, head_bytes] = co_await http::async_read_header(stream, buffer, parser, as_result);
  request_head nothing;
  nothing.method = "GET";
  if (head_error) {
    // Gone, silent, or not HTTP; only the last is told so.
    bool const readable = is_http_error(head_error) && head_error != http::error::end_of_stream &&
                          head_error != http::error::partial_message;
    if (readable) co_await refuse_unread(stream, reply_to(head_error), nothing);
    co_return false;
  }
  auto const head = head_of(parser.get());
  auto const framing = adapt::judge_request(head);
  if (framing.refuse_status != 0) {
    auto refusal = error_reply(framing.refuse_status, "bad_request", framing.why);
    // A 405 has to say what there is instead (RFC 9110 §15.5.6).
    if (framing.refuse_status == 405) refusal.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, DELETE");
    co_await refuse_unread(stream, refusal, head);
    co_return false;
  }
  bool const bodiless =
      framing.body == adapt::body_kind::none || (framing.body == adapt::body_kind::length && framing.length == 0);
  if (auto const refused = api.refuse(head, door, clock::now())) {
    if (bodiless) {
      bool const next = co_await send(stream, *refused, head, framing.keep_alive);
      co_return next;
    }
    co_await refuse_unread(stream, *refused, head);
    co_return false;
  }
  auto const most = api.body_limit(head);
  parser.body_limit(most);
  if (framing.body == adapt::body_kind::length && framing.length > most) {
    co_await refuse_unread(stream, reply_to(http::error::body_limit), head);
    co_return false;
  }
  if (framing.expect_continue && !bodiless) {
    stream.expires_after(patience);
    std::string_view const go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    auto const [error, bytes] = co_await asio::async_write(stream, asio::buffer(go_on.data(), go_on.size()), as_result);
    if (error) co_return false;
  }
  stream.expires_after(patience);
  auto const [body_error, body_bytes] = co_await http::async_read(stream, buffer, parser, as_result);
  if (body_error) {
    if (is_http_error(body_error) && body_error != http::error::partial_message)
      co_await refuse_unread(stream, reply_to(body_error), head);
    co_return false;
  }
  // Trailers were merged into the fields (http-hardening §1): `head` holds what came in the head, by views that stay.
  admin_reply reply;
  try {
    reply = api.answer(head, parser.get().body(), door);
    if (reply.takes_time) reply = co_await finish(reply.takes_time);
  } catch (const std::exception& e) {
    spdlog::error("the admin API failed to answer {}: {}", std::string(head.target.substr(0, 200)), e.what());
    reply = error_reply(500, "internal_error", "Tideover could not answer this; its log says why.");
  }
  if (!reply.event_stream) {
    bool const next = co_await send(stream, reply, head, framing.keep_alive);
    co_return next;
  }
  auto const listener = feed.subscribe(head.fields.value_of("last-event-id"));
  if (!listener) {
    auto busy = error_reply(503, "too_many_listeners", "As many listen as may: try again later, or poll /api/status.");
    busy.headers.emplace_back("Retry-After", "5");
    bool const next = co_await send(stream, busy, head, framing.keep_alive);
    co_return next;
  }
  if (head.method == "HEAD") {
    co_await send(stream, reply, head, false);
    co_return false;
  }
  co_await send_events(stream, buffer, listener);
  co_return false;
}

asio::awaitable<void> admin_server::state::send_events(connection& stream, beast::flat_buffer& buffer,
                                                       std::shared_ptr<event_feed::listener> from) {
  std::string text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Content-Type-Options: "
      "nosniff\r\nConnection: close\r\n\r\nretry: 2000\n\n";
  asio::steady_timer wake(control);
  // The timer is woken by cancelling it: `over` and `waiting` say why.
  from->wake = [&wake] { wake.cancel(); };
  bool gone = false;
  // A listener that goes says nothing: reading notices. The two coroutines end each other.
  auto const watch = [](connection& c, beast::flat_buffer& b, std::weak_ptr<event_feed::listener> who,
                        bool& left) -> asio::awaitable<void> {
    char byte[512];
    (void)b;
    for (;;) {
      auto const [error, bytes] = co_await c.socket().async_read_some(asio::buffer(byte), as_result);
      auto const l = who.lock();
      if (!l) co_return;
      if (!error) continue;  // nothing that it could say matters now
      left = true;
      if (l->wake) l->wake();
      co_return;
    }
  };
  bool watching = true;
  asio::co_spawn(control, watch(stream, buffer, from, gone), [&watching, &wake](std::exception_ptr) {
    watching = false;
    wake.cancel();
  });
  for (;;) {
    for (auto& event : from->waiting) text += event;
    from->waiting.clear();
    from->waiting_bytes = 0;
    if (!text.empty()) {
      stream.expires_after(patience);
      auto const [error, bytes] = co_await asio::async_write(stream, asio::buffer(text), as_result);
      text.clear();
      if (error) break;
    }
    if (gone || from->dropped) break;
    if (!from->waiting.empty()) continue;
    wake.expires_after(heartbeat);
    auto const [silent] = co_await wake.async_wait(as_result);
    if (!silent) text = ": heartbeat\n\n";
  }
  beast::error_code ignored;
  stream.socket().shutdown(asio::socket_base::shutdown_both, ignored);
  while (watching) {  // it refers to what lives here
    wake.expires_after(patience);
    (void)co_await wake.async_wait(as_result);
  }
  from->wake = nullptr;
}

asio::awaitable<void> admin_server::state::serve(connection stream, admin_door door) {
  beast::flat_buffer buffer(most_head_bytes + most_body_bytes);
  for (;;) {
    bool const next = co_await one_request(stream, buffer, door);
    if (!next) break;
  }
  beast::error_code ignored;
  stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
}

template <class Acceptor, class Describe>
asio::awaitable<void> admin_server::state::accept_all(Acceptor& acceptor, Describe describe) {
  asio::steady_timer pause(control);
  while (acceptor.is_open()) {
    if (connections >= most_connections) {
      pause.expires_after(std::chrono::milliseconds(200));
      (void)co_await pause.async_wait(as_result);
      continue;
    }
    auto [error, socket] = co_await acceptor.async_accept(as_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      pause.expires_after(std::chrono::milliseconds(200));
      (void)co_await pause.async_wait(as_result);
      continue;
    }
    auto door = describe(socket);
    ++connections;
    connection stream{asio::generic::stream_protocol::socket(std::move(socket))};
    asio::co_spawn(control, serve(std::move(stream), std::move(door)),
                   [self = this->shared_from_this()](std::exception_ptr trouble) {
                     --self->connections;
                     if (trouble) spdlog::warn("an admin connection ended with an unexpected error");
                   });
  }
}

admin_server::admin_server(asio::io_context& control, admin_api& api, event_feed& feed)
    : state_(std::make_shared<state>(control, api, feed)) {}

admin_server::~admin_server() { stop(); }

void admin_server::set_reads_need_token(bool needed) { state_->reads_need_token = needed; }

void admin_server::listen_tcp(int descriptor, bool v6) {
  close_all(state_->tcp_doors);
  auto acceptor = std::make_unique<tcp::acceptor>(state_->control, v6 ? tcp::v6() : tcp::v4(), descriptor);
  auto const describe = [s = state_.get()](const tcp::socket& socket) {
    admin_door door;
    door.reads_need_token = s->reads_need_token;
    beast::error_code ec;
    auto const peer = socket.remote_endpoint(ec);
    door.address = ec ? "unknown" : peer.address().to_string();
    return door;
  };
  asio::co_spawn(state_->control, state_->accept_all(*acceptor, describe), [self = state_](std::exception_ptr) {});
  state_->tcp_doors.push_back(std::move(acceptor));
}

void admin_server::listen_unix(int descriptor) {
  close_all(state_->unix_doors);
  auto acceptor = std::make_unique<unix_socket::acceptor>(state_->control, unix_socket(), descriptor);
  auto const describe = [](unix_socket::socket& socket) {
    admin_door door;
    door.trusted = true;
    door.who = peer_of(socket.native_handle());
    door.address = "unix";
    return door;
  };
  asio::co_spawn(state_->control, state_->accept_all(*acceptor, describe), [self = state_](std::exception_ptr) {});
  state_->unix_doors.push_back(std::move(acceptor));
}

void admin_server::stop() {
  close_all(state_->tcp_doors);
  close_all(state_->unix_doors);
}

}  // namespace tideover::ops
