// Does a request come from a web page, and may that page call? The one home of this question, for both listeners; and
// what a browser has to be told so that an allowed page can read its answers (Fetch Standard, CORS protocol).
// Not about Host, which guards against DNS rebinding: that is adapt/framing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tideover/core/http_message.hpp"

namespace tideover::adapt {

struct page_verdict {
  enum class kind : std::uint8_t {
    none,     // no page at all, or one of this very host
    allowed,  // of an origin that the configuration names
    foreign,  // of any other: refused, so that no page reaches a local service with its visitor's rights
  } what = kind::none;
  std::string_view origin{};  // of an allowed page, as it is configured; lives as long as `allowed` does
};

/// `allowed` holds origins as browsers write them (config/values, parse_origin). Several Origin fields and `null` are
/// foreign. A page's request without an Origin (an image, a script) is told by Sec-Fetch-Site, which pages cannot
/// forge. A link that somebody follows is no page's request: it only shows something, to that person alone.
page_verdict judge_page(const request_head& head, std::span<const std::string> allowed);

/// Is this a browser's question before the request proper? It carries no key, so it is answered before keys are asked.
bool is_preflight(const request_head& head);

/// Complete header lines for the answer to a preflight of an allowed page. The fields that the page wants to send are
/// named back where they are names; anything else is left out, and the browser will refuse.
std::string preflight_lines(const header_fields& fields);

/// Complete header lines for any other answer. Where origins are configured, every answer says that it depends on
/// Origin, or a cache could hand one page what was meant for another.
void append_cors_lines(std::string& out, std::string_view allowed_origin, bool depends_on_origin);

}  // namespace tideover::adapt
