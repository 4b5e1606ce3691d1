#include "tideover/net/hosted_loop.hpp"

namespace tideover::net {

hosted_loop::hosted_loop() : nested_(context_, loop_.descriptor()), timer_(context_) {}

hosted_loop::~hosted_loop() { nested_.release(); }  // the reactor closes it

void hosted_loop::run() {
  watch();
  tick();
  context_.run();
}

void hosted_loop::watch() {
  nested_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code ec) {
    if (ec) return;
    loop_.turn(std::chrono::milliseconds(0));
    if (loop_.stopped())
      context_.stop();
    else
      watch();
  });
}

void hosted_loop::tick() {
  timer_.expires_after(reactor::sweep_interval);
  timer_.async_wait([this](boost::system::error_code ec) {
    if (ec) return;
    loop_.tick(clock::now());
    if (loop_.stopped())
      context_.stop();
    else
      tick();
  });
}

}  // namespace tideover::net
