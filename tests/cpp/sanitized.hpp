// Whether this build runs under a sanitizer, which allocates and calls the system on its own.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MBRL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MBRL_SANITIZED 1
#endif
#endif
#ifndef MBRL_SANITIZED
#define MBRL_SANITIZED 0
#endif
