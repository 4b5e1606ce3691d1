// One caller's connection from accept to close: TLS, heads, one exchange after another, an orderly end.
// Not a judge of requests: it finds where a head ends and hands over to proxy/exchange.
#pragma once

#include <memory>
#include <optional>

#include "tideover/core/ip_owner.hpp"
#include "tideover/net/stream.hpp"
#include "tideover/net/task.hpp"
#include "tideover/net/tls.hpp"
#include "tideover/proxy/worker.hpp"

namespace tideover::proxy {

/// Runs until the connection ends. `entrance` is where it came in, `from` whose address it came from, if any.
net::task<void> serve(worker& home, std::unique_ptr<net::stream> caller, std::shared_ptr<door> entrance,
                      std::optional<ip_owner> from);

}  // namespace tideover::proxy
