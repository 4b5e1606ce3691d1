// D: before and in the head of the cloud's answer.
#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const calls some_of_each{call::chat, call::messages, call::chat_stream, call::messages_stream};

const expectation not_http = served_locally("malformed", blamed::service);

std::string sized(std::string_view body) { return "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n"; }
const std::string ok_line = "HTTP/1.1 200 OK\r\n";
const std::string json_type = "Content-Type: application/json\r\n";

/// The whole good answer to a chat behind the given first lines of a head.
std::function<void(stage&)> headed(std::string lines, bool then_close = true) {
  return [=](stage& s) { s.cloud_does(raw_bytes(lines + json_type + sized(s.expected) + s.expected, then_close)); };
}
/// The good answer with a framing of the row's own.
std::function<void(stage&)> framed(std::string fields, std::function<std::string(const std::string&)> body) {
  return [=](stage& s) { s.cloud_does(raw_bytes(ok_line + json_type + fields + "\r\n" + body(s.expected))); };
}
std::string as_it_is(const std::string& body) { return body; }
std::string chunked(const std::string& body) { return chunk(body) + std::string(last_chunk); }

forbidden bounded_to(std::size_t mib) {
  return {"memory grows with what is sent",
          [mib](stage& s, const observed&) { EXPECT_LT(s.resident_growth_kib(), mib << 10); }};
}

const forbidden work_goes_on{"the cloud goes on working for nobody", [](stage& s, const observed&) {
                               EXPECT_TRUE(eventually([&] { return s.cloud.peers_that_left() == 1; }));
                             }};

/// Asks twice on one connection: what came too much with the first answer must not become the second.
observed twice(stage& s) {
  raw_client client(s.home->port());
  (void)s.ask(client);
  return s.ask(client);
}

}  // namespace

void add_head_rows(table& all) {
  all.add("D1", "closed_without_a_byte", "The cloud closes without a byte of an answer", all_generations,
          served_locally("connect", blamed::connection), [](stage& s) { s.cloud_does(hang_up()); });
  all.add("D2", "reset_without_a_byte", "The cloud resets without a byte of an answer", all_generations,
          served_locally("connect", blamed::connection), [](stage& s) { s.cloud_does(reset_connection()); });
  all.add("D3", "silence", "The cloud takes the request and says nothing", all_generations,
          served_locally("timeout", blamed::connection),
          [](stage& s) {
            s.cloud_is_given_little_time();
            s.cloud_does(silence());
          },
          {.never = {work_goes_on}});
  all.add("D4", "half_a_head_then_silence", "Half a head, then silence", some_of_each,
          served_locally("timeout", blamed::connection), [](stage& s) {
            s.cloud_is_given_little_time();
            s.to_cloud.set(side::to_daemon, broken::stall(behind("HTTP/1.1 200 Scripted\r\nContent-Ty")));
          });
  all.add("D5", "half_a_head_then_end", "Half a head, then the end", all_generations, not_http, [](stage& s) {
    s.to_cloud.set(side::to_daemon, broken::cut(behind("HTTP/1.1 200 Scripted\r\nContent-Ty")));
  });
  all.add("D5b", "half_a_head_then_reset", "Half a head, then a reset", some_of_each, not_http, [](stage& s) {
    s.to_cloud.set(side::to_daemon, broken::reset(behind("HTTP/1.1 200 Scripted\r\nContent-Ty")));
  });
  all.add("D6", "head_trickles", "The head trickles in, a byte now and then", some_of_each,
          served_locally("timeout", blamed::connection), [](stage& s) {
            s.cloud_is_given_little_time();
            s.to_cloud.set(side::to_daemon, broken::slow(20));
          });
  all.add("D7", "thousands_of_fields", "The head has 5000 fields", {call::chat}, not_http,
          [](stage& s) {
            std::string fields;
            for (int i = 0; i < 5000; ++i) fields += "X-" + std::to_string(i) + ": " + std::string(20, 'a') + "\r\n";
            headed(ok_line + fields)(s);
          },
          {.never = {bounded_to(16)}});
  all.add("D7b", "head_of_megabytes", "The head is 16 MB long", {call::chat, call::chat_stream}, not_http,
          headed(ok_line + "X-A: " + std::string(16 << 20, 'a') + "\r\n"), {.never = {bounded_to(16)}});
  int n = 0;
  for (auto const* line :
       {"HTTP/2 200 OK", "HTTP/3.7 200 OK", "HTTP/1.2 200 OK", "ICY 200 OK", "http/1.1 200 OK", "HTTP/1.1200 OK"})
    all.add("D8" + std::string(1, static_cast<char>('a' + n++)), "another_version",
            std::string("The status line is `") + line + '`', {call::chat}, not_http,
            headed(line + std::string("\r\n")));
  all.add(
      "D9", "bare_line_feeds", "The lines of the head end in bare line feeds", {call::chat}, not_http,
      [](stage& s) { s.cloud_does(raw_bytes("HTTP/1.1 200 OK\nContent-Type: application/json\n\n" + s.expected)); });
  all.add("D10", "folded_field", "A field of the head is folded over two lines", {call::chat}, not_http,
          headed(ok_line + "X-A: 1\r\n  2\r\n"));
  all.add("D11", "two_lengths", "The head names two different lengths", {call::chat, call::chat_stream}, not_http,
          headed(ok_line + "Content-Length: 5\r\n"));
  all.add("D11b", "same_length_twice", "The head names its length twice", {call::chat}, not_http, [](stage& s) {
    auto const length = "Content-Length: " + std::to_string(s.expected.size()) + "\r\n";
    s.cloud_does(raw_bytes(ok_line + json_type + length + length + "\r\n" + s.expected));
  });
  n = 0;
  for (auto const* coding : {"gzip, chunked", "xchunked", "chunked, identity", "chunked, chunked", "gzip", "identity",
                             "\xa0"
                             "chunked"})
    all.add("D12" + std::string(1, static_cast<char>('a' + n++)), "odd_transfer_coding",
            std::string("Transfer-Encoding is `") + (coding[0] == '\xa0' ? "(no-break space)chunked" : coding) + '`',
            {call::chat}, not_http, framed(std::string("Transfer-Encoding: ") + coding + "\r\n", chunked));
  struct bad_chunk {
    const char* id;
    const char* name;
    const char* sentence;
    const char* bytes;
  };
  for (auto const& bad : std::vector<bad_chunk>{
           {"D13a", "chunk_size_of_letters", "A chunk's size is `ZZ`", "ZZ\r\nabc\r\n0\r\n\r\n"},
           {"D13b", "chunk_size_overflows", "A chunk's size has 17 digits", "11111111111111111\r\nabc\r\n0\r\n\r\n"},
           {"D13c", "chunk_without_its_end", "A chunk is longer than its size", "3\r\nabcXX0\r\n\r\n"},
           {"D13d", "chunk_size_missing", "A chunk has no size", "\r\nabc\r\n0\r\n\r\n"},
           {"D13e", "chunk_size_negative", "A chunk's size is negative", "-3\r\nabc\r\n0\r\n\r\n"},
           {"D13f", "chunk_size_in_hex_notation", "A chunk's size is `0x3`", "0x3\r\nabc\r\n0\r\n\r\n"},
           {"D13g", "chunk_lines_end_in_line_feeds", "Chunk lines end in bare line feeds", "3\nabc\n0\n\n"}})
    all.add(bad.id, bad.name, bad.sentence, {call::chat, call::chat_stream}, not_http, [bad](stage& s) {
      std::string const type = is_stream(s.played.asked) ? "Content-Type: text/event-stream\r\n" : json_type;
      s.cloud_does(raw_bytes(ok_line + type + "Transfer-Encoding: chunked\r\n\r\n" + bad.bytes));
    });
  all.add("D14", "chunk_extension_of_a_megabyte", "A chunk has an extension of a megabyte", {call::chat}, not_http,
          framed("Transfer-Encoding: chunked\r\n",
                 [](const std::string&) { return "3;x=" + std::string(1 << 20, 'e') + "\r\nabc\r\n0\r\n\r\n"; }),
          {.never = {bounded_to(16)}});
  all.add("D14b", "endless_trailers", "Trailers without end", {call::chat}, not_http,
          [](stage& s) {
            s.cloud_does([text = s.expected](served_connection& c, const recorded_request&) {
              c.send(ok_line + json_type + "Transfer-Encoding: chunked\r\n\r\n" + chunk(text) + "0\r\n");
              for (int i = 0; i < 4096; ++i)
                if (c.send("X-Trailer: " + std::string(4000, 't') + "\r\n") != io::ok) return;
              c.close();
            });
          },
          {.never = {bounded_to(16)}});
  all.add("D15", "many_early_hints", "Fifty 103 heads come before the answer", {call::chat, call::chat_stream},
          served_by_cloud(), [](stage& s) {
            std::string hints;
            for (int i = 0; i < 50; ++i) hints += "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
            s.cloud_does([hints, stream = is_stream(s.played.asked), events = s.cloud_events(), text = s.expected](
                             served_connection& c, const recorded_request& r) {
              c.send(hints);
              (stream ? test::stream(events) : reply(200, text))(c, r);
            });
          });
  all.add("D15b", "endless_early_hints", "103 heads without end", {call::chat}, not_http,
          [](stage& s) {
            s.cloud_does([](served_connection& c, const recorded_request&) {
              for (int i = 0; i < 200'000; ++i)
                if (c.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n") != io::ok) return;
              c.close();
            });
          },
          {.never = {bounded_to(16)}});
  all.add("D16", "continue_not_asked_for", "A 100 that nobody asked for comes before the answer", {call::chat},
          served_by_cloud(), headed("HTTP/1.1 100 Continue\r\n\r\n" + ok_line));
  all.add("D17", "switch_of_protocols", "The cloud switches protocols unasked (101)", {call::chat, call::chat_stream},
          not_http, headed("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n"));
  all.add("D18", "no_content_with_body", "A 204 is followed by bytes", {call::chat}, not_http,
          [](stage& s) { s.cloud_does(raw_bytes("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nEVIL", false)); });
  all.add("D18b", "not_modified_with_body", "A 304 is followed by bytes", {call::chat},
          served_locally("redirect", blamed::service), [](stage& s) {
            s.cloud_does(raw_bytes("HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL", false));
          });
  all.add("D19", "http_1_0", "An HTTP/1.0 answer ends with its connection", {call::chat}, served_by_cloud(),
          [](stage& s) { s.cloud_does(raw_bytes("HTTP/1.0 200 OK\r\n" + json_type + "\r\n" + s.expected)); });
  all.add("D19b", "http_1_0_stream", "An HTTP/1.0 stream ends with its connection", streams, served_by_cloud(),
          [](stage& s) {
            s.cloud_does(raw_bytes("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + s.expected));
          });
  all.add(
      "D19c", "chunked_in_http_1_0", "An HTTP/1.0 answer claims to be chunked", {call::chat}, not_http, [](stage& s) {
        s.cloud_does(
            raw_bytes("HTTP/1.0 200 OK\r\n" + json_type + "Transfer-Encoding: chunked\r\n\r\n" + chunked(s.expected)));
      });
  all.add("D20", "nul_in_field", "A field of the head holds a NUL", {call::chat}, not_http,
          headed(ok_line + std::string("X-A: a\0b\r\n", 10)));
  all.add("D21", "space_before_colon", "A field's name is followed by a space", {call::chat}, not_http,
          headed(ok_line + "X-A : 1\r\n"));
  n = 0;
  for (auto const* length : {"+5", "-1", "0x10", "1e3", "18446744073709551616", "5, 5", ""})
    all.add("D22" + std::string(1, static_cast<char>('a' + n++)), "odd_length",
            *length == '\0' ? "Content-Length is empty" : std::string("Content-Length is `") + length + '`',
            {call::chat}, not_http, framed(std::string("Content-Length: ") + length + "\r\n", as_it_is));
  all.add("D23", "length_and_chunked", "The head names a length and is chunked", {call::chat, call::chat_stream},
          not_http, framed("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunked));
  all.add("D24", "no_reason_phrase", "The status line has no reason phrase", {call::chat}, served_by_cloud(),
          headed("HTTP/1.1 200\r\n"));
  all.add("D25", "field_without_name", "A field of the head has no name", {call::chat}, not_http,
          headed(ok_line + ": value\r\n"));
  all.add("D26", "bytes_above_ascii", "A field's value holds bytes above ASCII", {call::chat}, served_by_cloud(),
          headed(ok_line + "X-Name: Gr\xc3\xbc\xc3\x9f\x65 \xe9\r\n"));
  all.add("D27", "quoted_chunk_extension", "Chunks carry quoted extensions, as they may", {call::chat},
          served_by_cloud(),
          framed("Transfer-Encoding: chunked\r\n",
                 [](const std::string& body) {
                   char size[16];
                   std::snprintf(size, sizeof size, "%zx", body.size());
                   return size + std::string(";a=\"b c\"\r\n") + body + "\r\n0;last\r\nX-Trailer: 1\r\n\r\n";
                 }),
          {.never = {{"a trailer becomes a field",
                      [](stage&, const observed& seen) { EXPECT_FALSE(seen.answer.has("x-trailer")); }}}});
  all.add("D28", "head_in_bytes", "The answer arrives one byte at a time", all_generations, served_by_cloud(),
          [](stage& s) { s.to_cloud.set(side::to_daemon, broken::split()); });
  all.add("D29", "first_byte_corrupted", "The first byte of the answer is wrong", all_generations, not_http,
          [](stage& s) { s.to_cloud.set(side::to_daemon, broken::flip({})); });
  all.add("D30", "our_own_fields", "The cloud's head holds fields that only Tideover may set", {call::chat},
          served_by_cloud(), headed(ok_line + "X-Tideover-Tier: local\r\nX-Tideover-Failover: connect\r\n"));
  all.add("D31", "hop_by_hop_fields", "The cloud's head holds fields of its own connection, cookies among them",
          {call::chat, call::chat_stream}, served_by_cloud(),
          [](stage& s) {
            auto const fields = field_list{{"Set-Cookie", "__cf_bm=1"},     {"Keep-Alive", "timeout=5"},
                                           {"Proxy-Authenticate", "Basic"}, {"Strict-Transport-Security", "max-age=1"},
                                           {"Connection", "X-Hop"},         {"X-Hop", "1"},
                                           {"Alt-Svc", "h3=\":443\""}};
            s.cloud_does(is_stream(s.played.asked) ? stream(s.cloud_events(), fields) : reply(200, s.expected, fields));
          },
          {.never = {{"they reach the caller", [](stage&, const observed& seen) {
                        for (auto const* name : {"set-cookie", "keep-alive", "proxy-authenticate",
                                                 "strict-transport-security", "x-hop", "alt-svc"})
                          EXPECT_FALSE(seen.answer.has(name)) << name;
                      }}}});
  all.add(
      "D32", "bytes_behind_a_204", "Bytes follow a message without a body, and the caller asks again", {call::models},
      [] {
        auto e = served_by_cloud();
        e.cloud_asked_most = 2;
        return e;
      }(),
      [](stage& s) {
        s.cloud.once(s.path, raw_bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                                       "\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
                                       false));
      },
      {.act = twice});
}

}  // namespace tideover::test
