#include "demo_client.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "tideover/adapt/chunked.hpp"
#include "tideover/adapt/framing.hpp"
#include "tideover/adapt/sse.hpp"
#include "tideover/net/http_head.hpp"

namespace tideover::app {
namespace {

using tcp = boost::asio::ip::tcp;

std::string text_of(const nlohmann::json& answer, const char* member) {
  if (!answer.is_object() || !answer.contains("choices") || answer["choices"].empty()) return {};
  auto const& choice = answer["choices"][0];
  if (!choice.contains(member) || !choice[member].contains("content")) return {};
  auto const& content = choice[member]["content"];
  return content.is_string() ? content.get<std::string>() : std::string();
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_lower);
  return out;
}

}  // namespace

demo_answer ask_like_an_app(const std::string& address, const std::string& question, bool stream,
                            const std::function<void(const std::string&)>& on_text) {
  demo_answer answer;
  boost::asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code ec;
  auto const colon = address.rfind(':');
  auto const port = static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)));
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), port}, ec);
  if (ec) {
    answer.problem = "cannot connect: " + ec.message();
    return answer;
  }
  nlohmann::ordered_json body;
  body["model"] = "gpt-4o-mini";
  body["messages"] = {{{"role", "user"}, {"content", question}}};
  if (stream) body["stream"] = true;
  auto const text = body.dump();
  std::string const request = "POST /v1/chat/completions HTTP/1.1\r\nHost: " + address +
                              "\r\nAuthorization: Bearer sk-demo\r\nContent-Type: application/json\r\nConnection: "
                              "close\r\nContent-Length: " +
                              std::to_string(text.size()) + "\r\n\r\n" + text;
  boost::asio::write(socket, boost::asio::buffer(request), ec);
  if (ec) {
    answer.problem = "cannot send: " + ec.message();
    return answer;
  }

  std::string raw;
  response_head head;
  adapt::response_framing framing;
  std::size_t head_bytes = 0;
  adapt::chunk_decoder chunks;
  std::string payload;  // decoded; for streams only what is not yet a whole event
  adapt::sse_boundary boundary;
  bool complete = false;
  bool terminated = false;
  char block[8192];
  while (!complete) {
    auto const n = socket.read_some(boost::asio::buffer(block), ec);
    if (ec) break;
    raw.append(block, n);
    if (head_bytes == 0) {
      head_bytes = net::find_head_end(raw, 0);
      if (head_bytes == 0) continue;
      auto const kept = raw.substr(0, head_bytes);
      if (net::parse_response_head(kept, head) != net::head_status::ok) break;
      answer.status = static_cast<int>(head.status);
      for (const auto& f : head.fields.list) answer.headers[lower(f.name)] = std::string(f.value);
      framing = adapt::judge_response(head, false);
      raw.erase(0, head_bytes);
    }
    if (framing.body == adapt::body_kind::chunked) {
      std::string_view rest = raw;
      while (!rest.empty() && !complete) {
        auto const step = chunks.feed(rest);
        if (step.what == adapt::chunk_decoder::status::piece) payload += step.payload;
        if (step.what == adapt::chunk_decoder::status::broken) break;
        rest.remove_prefix(step.used);
        complete = step.what == adapt::chunk_decoder::status::done;
        if (step.what == adapt::chunk_decoder::status::more) break;
      }
      raw.clear();
    } else {
      payload += raw;
      raw.clear();
      complete = payload.size() >= framing.length;
    }
    if (!stream || answer.status != 200) continue;
    auto const whole = boundary.complete(payload);
    adapt::sse_reader events(std::string_view(payload).substr(0, whole));
    for (adapt::sse_event event; events.next(event);) {
      if (event.data == "[DONE]") {
        terminated = true;
        continue;
      }
      auto const piece = text_of(nlohmann::json::parse(event.data, nullptr, false), "delta");
      if (piece.empty()) continue;
      answer.text += piece;
      if (on_text) on_text(piece);
    }
    payload.erase(0, whole);
    boundary.consumed(whole);
  }
  if (!complete)
    answer.problem = "the answer is incomplete";
  else if (answer.status != 200)
    answer.problem = "status " + std::to_string(answer.status) + ": " + payload;
  else if (stream && !terminated)
    answer.problem = "the stream has no end";
  if (!stream && answer.problem.empty()) {
    answer.text = text_of(nlohmann::json::parse(payload, nullptr, false), "message");
    if (answer.text.empty()) answer.problem = "the answer says nothing";
  }
  return answer;
}

}  // namespace tideover::app
