// Stubs: the names of rclcpp that the example uses, doing nothing. For compiling only; never ship them.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#define RCLCPP_INFO(logger, ...) ((void)(logger), (void)std::snprintf(nullptr, 0, __VA_ARGS__))
#define RCLCPP_ERROR(logger, ...) ((void)(logger), (void)std::snprintf(nullptr, 0, __VA_ARGS__))

namespace rclcpp {

struct Logger {};
struct NodeOptions {};

struct SystemDefaultsQoS {};

template <class Message>
struct Subscription {
    using SharedPtr = std::shared_ptr<Subscription>;
};

struct TimerBase {
    using SharedPtr = std::shared_ptr<TimerBase>;
    void cancel() {}
};

namespace node_interfaces {
struct NodeBaseInterface {
    using SharedPtr = std::shared_ptr<NodeBaseInterface>;
};
}  // namespace node_interfaces

inline void init(int, char**) {}
inline void spin(node_interfaces::NodeBaseInterface::SharedPtr) {}
inline bool shutdown() { return true; }

}  // namespace rclcpp
