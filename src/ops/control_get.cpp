#include "tideover/ops/control_get.hpp"

#include "tideover/adapt/chunked.hpp"
#include "tideover/adapt/framing.hpp"
#include "tideover/net/http_head.hpp"

namespace tideover::ops {

using net::io_result;

namespace {

/// The body out of everything that came behind the head; false when it is not whole.
bool unwrap(const adapt::response_framing& framing, std::string_view raw, bool closed, std::string& body) {
  switch (framing.body) {
    case adapt::body_kind::none: return true;
    case adapt::body_kind::length:
      if (raw.size() < framing.length) return false;
      body.assign(raw.substr(0, static_cast<std::size_t>(framing.length)));
      return true;
    case adapt::body_kind::until_close: body.assign(raw); return closed;
    case adapt::body_kind::chunked: break;
  }
  body.clear();
  adapt::chunk_decoder chunks;
  while (!raw.empty()) {
    auto const step = chunks.feed(raw);
    if (step.what == adapt::chunk_decoder::status::piece) body += step.payload;
    if (step.what == adapt::chunk_decoder::status::done) return true;
    if (step.what != adapt::chunk_decoder::status::piece) return false;
    raw.remove_prefix(step.used);
  }
  return false;
}

net::task<control_answer> converse(net::event_loop& loop, net::resolver& names, const net::dial_target& target,
                                   std::string request, std::size_t limit_bytes, time_point deadline) {
  control_answer answer;
  auto dialled = co_await net::dial(loop, names, target, nullptr, deadline);
  if (!dialled.connection) {
    answer.problem = dialled.problem.detail;
    co_return answer;
  }
  answer.connected = true;
  auto& connection = *dialled.connection;
  auto const sent = co_await net::write_all(connection, request, deadline - clock::now());
  if (sent != net::write_end::done) {
    answer.problem = "the request could not be sent";
    co_return answer;
  }
  std::string text;
  char block[16384];
  for (bool closed = false;;) {
    if (auto const head_bytes = net::find_head_end(text, 0); head_bytes != 0) {
      response_head head;
      if (net::parse_response_head(std::string_view(text).substr(0, head_bytes), head) != net::head_status::ok) {
        answer.problem = "the answer is not HTTP";
        co_return answer;
      }
      auto const framing = adapt::judge_response(head, false);
      if (!framing.acceptable) {
        answer.problem = framing.why;
        co_return answer;
      }
      if (unwrap(framing, std::string_view(text).substr(head_bytes), closed, answer.body)) {
        answer.status = static_cast<int>(head.status);
        co_return answer;
      }
    }
    if (closed || text.size() > limit_bytes) {
      answer.problem = closed ? "the answer broke off" : "the answer is too large";
      co_return answer;
    }
    auto const got = connection.try_read(block, sizeof block);
    if (got.ok()) {
      text.append(block, got.bytes);
      continue;
    }
    if (!got.again()) {
      closed = true;
      continue;
    }
    auto const how = co_await loop.reactions().wait(deadline, net::on(connection.source(), net::readable));
    if (how != net::woken::ready) {
      answer.problem = "no answer in time";
      co_return answer;
    }
  }
}

std::string head_of(std::string_view method, const std::string& path, const std::string& authority,
                    const std::string& bearer) {
  auto head = std::string(method) + " " + path + " HTTP/1.1\r\nHost: " + authority +
              "\r\nAccept: application/json\r\nUser-Agent: tideover\r\nConnection: close\r\n";
  if (!bearer.empty()) head += "Authorization: Bearer " + bearer + "\r\n";
  return head;
}

}  // namespace

net::task<control_answer> control_get(net::event_loop& loop, net::resolver& names, const net::dial_target& target,
                                      std::string authority, std::string path, std::size_t limit_bytes,
                                      time_point deadline, std::string bearer) {
  return converse(loop, names, target, head_of("GET", path, authority, bearer) + "\r\n", limit_bytes, deadline);
}

net::task<control_answer> control_post(net::event_loop& loop, net::resolver& names, const net::dial_target& target,
                                       std::string authority, std::string path, std::string json,
                                       std::size_t limit_bytes, time_point deadline, std::string bearer) {
  auto request = head_of("POST", path, authority, bearer) +
                 "Content-Type: application/json\r\nContent-Length: " + std::to_string(json.size()) + "\r\n\r\n" + json;
  return converse(loop, names, target, std::move(request), limit_bytes, deadline);
}

std::string bearer_of(const config::upstream& to) {
  std::string key;
  if (to.credential) key = to.credential->reveal_for_wire();
  // As on the data path: whatever a secret's file holds, it never ends its line.
  std::erase_if(key, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  return key;
}

}  // namespace tideover::ops
