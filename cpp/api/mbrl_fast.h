/* mbrl_fast from C, or from C++ of any compiler and without exceptions: load a Problem file, plan on it.
 *
 *   Arrays   32-bit floats, row-major, shapes in brackets: S = state_size, A = action_size, H = horizon (knots),
 *            T = horizon * steps_per_knot (model steps). Units are those of the exported modules.
 *   Times    seconds as double; points in time as nanoseconds of CLOCK_MONOTONIC, see mbrl_now().
 *   Failure  a function that can fail returns an mbrl_result, or NULL where it makes something, and leaves its outputs
 *            untouched; mbrl_error() is then one sentence with the thing, the rule and the value. Nothing is thrown,
 *            printed or exited from.
 *   Owning   what mbrl_..._open, _load or _create made, mbrl_..._free releases; NULL may be freed. A planner keeps what it
 *            needs of its problem: they may be freed in any order. Pointers in an answer belong to the planner.
 *   Threads  a problem may be read by many threads. A planner is for one thread at a time: a second one gets MBRL_BUSY.
 */
#ifndef MBRL_FAST_H
#define MBRL_FAST_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MBRL_API __attribute__((visibility("default")))
#else
#define MBRL_API
#endif
#ifdef __cplusplus
#define MBRL_NOEXCEPT noexcept
extern "C" {
#else
#define MBRL_NOEXCEPT
#endif

typedef enum mbrl_result {
    MBRL_OK = 0,
    MBRL_INVALID = 1,   /* a bad value, shape or file */
    MBRL_BUSY = 2,      /* another thread is planning with this planner */
    MBRL_NO_MEMORY = 3, /* not while planning: that allocates nothing */
    MBRL_FAILED = 4     /* the system refused, e.g. a thread */
} mbrl_result;

MBRL_API const char* mbrl_version(void) MBRL_NOEXCEPT;
/* The instruction set in use: "avx2", "baseline", ... */
MBRL_API const char* mbrl_isa(void) MBRL_NOEXCEPT;
/* The sentence of this thread's last failure, "" before any; valid until the thread's next failure. */
MBRL_API const char* mbrl_error(void) MBRL_NOEXCEPT;
/* Now, in nanoseconds of CLOCK_MONOTONIC. */
MBRL_API int64_t mbrl_now(void) MBRL_NOEXCEPT;

/* ---- Problem: dynamics, reward, bounds and time step, as exported ---- */
typedef struct mbrl_problem mbrl_problem;

MBRL_API mbrl_problem* mbrl_problem_open(const char* path) MBRL_NOEXCEPT;
/* From the bytes of such a file, which are not needed afterwards. */
MBRL_API mbrl_problem* mbrl_problem_load(const void* bytes, size_t size) MBRL_NOEXCEPT;
MBRL_API void mbrl_problem_free(mbrl_problem* problem) MBRL_NOEXCEPT;

/* Sizes; 0 for NULL. */
MBRL_API int mbrl_problem_state_size(const mbrl_problem* problem) MBRL_NOEXCEPT;
MBRL_API int mbrl_problem_action_size(const mbrl_problem* problem) MBRL_NOEXCEPT;
MBRL_API double mbrl_problem_dt(const mbrl_problem* problem) MBRL_NOEXCEPT; /* seconds per model step */
MBRL_API mbrl_result mbrl_problem_bounds(const mbrl_problem* problem, float* low /* [A] */, float* high /* [A] */) MBRL_NOEXCEPT;

/* Run-time inputs, e.g. a goal: numbered 0..count-1. Name: NULL, size: 0, index: -1 when there is none. */
MBRL_API int mbrl_problem_inputs(const mbrl_problem* problem) MBRL_NOEXCEPT;
MBRL_API const char* mbrl_problem_input_name(const mbrl_problem* problem, int index) MBRL_NOEXCEPT;
MBRL_API int mbrl_problem_input_size(const mbrl_problem* problem, int index) MBRL_NOEXCEPT;     /* floats of one value */
MBRL_API int mbrl_problem_input_per_step(const mbrl_problem* problem, int index) MBRL_NOEXCEPT; /* 1: one value per model step */
MBRL_API int mbrl_problem_input_index(const mbrl_problem* problem, const char* name) MBRL_NOEXCEPT;

/* ---- Planner: the cross-entropy method ---- */
typedef struct mbrl_planner mbrl_planner;

/* Settings by the names that Python has, e.g. {"population", 200}, {"warm_start", 1}; what is not named has Python's default.
 * "returns_best" 1 or 0 stands for returns="best" or "mean"; "objective" is 0..6 for mean, mean_std, worst, cvar, mean_within,
 * mean_between, entropic, "propagation" 0 or 1 for ts_inf or ts1. Whole numbers must be whole; the seed is below 2^53. */
typedef struct mbrl_setting {
    const char* name;
    double value;
} mbrl_setting;

/* Allocates all that planning needs. */
MBRL_API mbrl_planner* mbrl_cem_create(const mbrl_problem* problem, const mbrl_setting* settings, size_t count) MBRL_NOEXCEPT;
MBRL_API void mbrl_planner_free(mbrl_planner* planner) MBRL_NOEXCEPT;
/* Forgets the last plan and begins the noise anew. */
MBRL_API mbrl_result mbrl_planner_reset(mbrl_planner* planner) MBRL_NOEXCEPT;

/* A run-time input by name, until it is set again: `count` floats, [size] or, per step, [T, size]. They are copied. */
MBRL_API mbrl_result mbrl_planner_set_input(mbrl_planner* planner, const char* name, const float* values,
                                            size_t count) MBRL_NOEXCEPT;

#define MBRL_NO_DEADLINE INT64_MAX
#define MBRL_NO_LIMIT INT64_MAX

/* What to plan from. Begin with MBRL_REQUEST: later versions add fields. */
typedef struct mbrl_request {
    size_t size;                  /* sizeof(mbrl_request) */
    const float* state;           /* [S] */
    const float* previous_action; /* [A], the last executed one; NULL: zeros */
    const float* const* inputs;   /* one pointer per input, in their order; NULL: as set by name */
    double elapsed;               /* model steps since this planner's last plan, by which it is shifted; may be a fraction */
    int64_t deadline;             /* when the answer must be there, on the clock of mbrl_now(); MBRL_NO_DEADLINE */
    int64_t max_tiles;            /* mbrl_plan.tiles of a plan that was cut off repeats it bit for bit; MBRL_NO_LIMIT */
} mbrl_request;
#define MBRL_REQUEST {sizeof(mbrl_request), NULL, NULL, NULL, 1.0, MBRL_NO_DEADLINE, MBRL_NO_LIMIT}

typedef enum mbrl_plan_status {
    MBRL_PLAN_OK = 0,       /* every iteration ran */
    MBRL_PLAN_DEADLINE = 1, /* cut off: the best candidate evaluated so far */
    MBRL_PLAN_SHIFTED = 2,  /* nothing was evaluated in time: the last plan, moved by the elapsed time */
    MBRL_PLAN_SAFE = 3,     /* nothing was evaluated and there is no last plan: the middle of the bounds */
    MBRL_PLAN_NO_FINITE = 4 /* no candidate had a finite return: the last plan moved, or the middle of the bounds */
} mbrl_plan_status;

/* The answer; its pointers are valid until the planner plans again or is freed. Begin with MBRL_PLAN. */
typedef struct mbrl_plan {
    size_t size;          /* sizeof(mbrl_plan) */
    int status;           /* an mbrl_plan_status */
    int horizon;          /* H */
    double knot_seconds;  /* an action is held for so long */
    const float* actions; /* [H, A], finite and within the bounds whatever the status; the first A are for now */
    const float* states;  /* [T + 1, S], where the model says they lead; NULL when the deadline left no time for them */
    float value;          /* the return of `actions`; NaN when nothing was evaluated */
    int64_t model_steps;  /* candidates * steps * members computed */
    int64_t tiles;        /* groups of candidates that count towards the answer */
} mbrl_plan;
#define MBRL_PLAN {sizeof(mbrl_plan), 0, 0, 0.0, NULL, NULL, 0.0f, 0, 0}

/* Allocates nothing; with one thread it takes no lock. A state or input that is not finite is MBRL_INVALID. */
MBRL_API mbrl_result mbrl_planner_plan(mbrl_planner* planner, const mbrl_request* request, mbrl_plan* plan) MBRL_NOEXCEPT;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif
