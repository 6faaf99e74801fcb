"""Every error that postopt raises on purpose.

The tree::

    PostoptError
    +-- BriefError (ValueError)               a brief holds a value that is not allowed
    +-- MissingDependencyError (ImportError)  an optional library is not installed
    +-- BackendError
    |   +-- BackendUnavailableError           an explicit choice cannot be honoured
    |   +-- CorruptDataError (ValueError)     bytes that cannot be decompressed or decoded
    |   +-- WisdomError                       a measurement or lock file that cannot be used
    +-- CacheError
    |   +-- CacheValueError (ValueError)      a key, value or setting that no cache can take
    |   +-- StoreError                        a level of the cache cannot be reached, or fails
    |   +-- ReentrantError                    a computation that would wait for its own end
    +-- GenerationError                       no text came out
    |   +-- PostRejectedError                 a text came out but breaks the brief
    |   +-- DeadlineExceededError             the caller's time was over
    |   +-- CallRejectedError                 the call was not made
    |   |   +-- CircuitOpenError              the last calls failed
    |   |   +-- ThrottledError                our own rate limit is reached
    |   |   +-- ShedError                     no room, or no time to wait for it
    |   |   +-- BudgetExceededError           it could cost more than is left
    |   |   +-- UnknownPriceError             nobody knows what it costs
    |   |   +-- LedgerError                   nobody knows what is left
    |   |   +-- NoCandidateError              no model is there to be chosen
    |   +-- ProviderError                     whoever was asked gave an error, or nothing, or no use
    |       +-- AuthenticationError           the key is refused
    |       +-- QuotaError                    the account has nothing left
    |       +-- RateLimitError                too many calls; `retry_after` says how long to wait
    |       +-- OverloadedError               it cannot answer just now
    |       +-- ProviderTimeoutError          no answer in time; `phase` says how far it came
    |       +-- UnreachableError              no connection
    |       +-- CutOffError                   the connection ended before the answer
    |       +-- MalformedAnswerError          not what the interface promises
    |       +-- EmptyAnswerError              an answer without text
    |       +-- TruncatedError                the answer ended at its token limit
    |       +-- RefusedError                  the model or a content filter will not answer this
    |       +-- ContextLengthError            the prompt is longer than the model takes
    |       +-- SchemaViolationError          the answer breaks the schema that was asked for
    |       +-- InvalidRequestError           a request that the provider does not accept
    +-- ExperimentError                       an experiment, or its store, cannot do what was asked
    |   +-- OutcomeError (ValueError)         an outcome that cannot be: negative, NaN, more clicks than impressions
    |   +-- UnknownArmError (LookupError)     the experiment has no such arm
    |   +-- UnknownAssignmentError (LookupError)      nobody was assigned under that id
    |   +-- UnknownExperimentError (LookupError)      the store has no such experiment
    |   +-- ExperimentChangedError            the store knows an experiment of that name with other settings
    |   +-- LearnerError                      a learner failed in a step; the step was undone
    |   +-- ExperimentStoreError              the store cannot be reached or used; what was queued is kept
    |       +-- NewerStoreError               it was written by a newer version of postopt
    +-- PromptError                           a prompt template, or its history, cannot be used
    |   +-- UnknownPromptError (LookupError)  no such version
    +-- ColdStartError                        nothing is known from which a model could be chosen
    +-- PostDataError (ValueError)            a post that cannot be read or judged: its row names the field
    +-- ModelError                            a model cannot be learned or asked
    |   +-- NotFittedError                    it was asked before it learned, or has too little to learn from
    |   +-- ModelFileError (ValueError)       a file of a model is truncated, damaged or foreign
    |       +-- NewerModelError               it was written by a newer version, or with newer features
    +-- ReplayError (ValueError)              a log of feedback or of experiments that cannot be replayed
    +-- EventBusClosedError                   published to a bus that is closed

`retryable` says whether the same call may succeed later without any change; `hint` says what to do and is
attached to the instance as a note, so that a traceback shows it.
"""

from __future__ import annotations


class PostoptError(Exception):
    """Base of all errors raised on purpose by postopt."""

    retryable: bool = False
    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint
        if self.hint:
            self.add_note(self.hint)


class BriefError(PostoptError, ValueError):
    """A brief holds a value that is not allowed; `field`, `value` and `allowed` say which, what and why."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"brief.{field} is {shown(value)}; allowed: {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed

    def __reduce__(self) -> tuple[type[BriefError], tuple[str, object, str], dict[str, object]]:
        return type(self), (self.field, self.value, self.allowed), vars(self)


class MissingDependencyError(PostoptError, ImportError):
    """An optional library is needed but cannot be imported; the hint says what to install."""


class BackendError(PostoptError):
    """A backend, or the engine that chooses one, cannot do what was asked."""


class BackendUnavailableError(BackendError):
    """An explicitly chosen backend is absent, broken, too old or does not fill that role."""


class CorruptDataError(BackendError, ValueError):
    """Bytes are truncated, foreign or damaged."""


class WisdomError(BackendError):
    """A measurement or lock file is unusable where the caller asked for it by name."""


class CacheError(PostoptError):
    """A cache cannot do what was asked."""


class CacheValueError(CacheError, ValueError):
    """A key, a value, a time or a limit that no cache can take: the call changed nothing."""


class StoreError(CacheError):
    """A level of the cache cannot be reached, or fails; what it holds is unknown, so nothing of it is served."""

    retryable = True


class ReentrantError(CacheError):
    """A computation waits, directly or through others, for its own end; it would never come."""


class GenerationError(PostoptError):
    """A generator produced no text.

    Attributes:
        at_fault: whose it is. "provider": other calls may fail alike, so breakers and balancers count it; "request":
            another prompt may succeed there; "caller": the call was not made, or not waited for.
        attempts: how many calls were made until it was given up.
        fallbacks: who was asked, and why each gave no answer, where several were.
        cost_usd: what was paid nevertheless, for all of them.
        unsettled_usd: what those that were given up may have cost besides, at most: nobody knows.
        retry_after: seconds after which it may be worth trying again, or None if nobody said.
    """

    at_fault: str = "provider"
    attempts: int = 1
    fallbacks: tuple[str, ...] = ()
    cost_usd: float = 0.0
    unsettled_usd: float = 0.0
    retry_after: float | None = None


class PostRejectedError(GenerationError):
    """A text breaks its brief (a fact is missing, a forbidden word appears, it is too long): `reasons` say how."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons

    def __reduce__(self) -> tuple[type[PostRejectedError], tuple[tuple[str, ...]], dict[str, object]]:
        return type(self), (self.reasons,), vars(self)


class DeadlineExceededError(GenerationError):
    """The caller's deadline passed before there was an answer.

    `at_fault` is "caller", unless whoever was asked had time enough for that to tell against it.
    """

    at_fault = "caller"


class CallRejectedError(GenerationError):
    """The call was not made: something in front of it said no."""

    at_fault = "caller"
    attempts = 0

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class CircuitOpenError(CallRejectedError):
    """A circuit breaker refuses calls, because the last ones failed, until `retry_after` seconds from now."""


class ThrottledError(CallRejectedError):
    """A rate limit of our own is reached, and the wait would be longer than allowed."""

    retryable = True


class ShedError(CallRejectedError):
    """A queue has no room, is closed, or cannot serve the call before its deadline."""


class BudgetExceededError(CallRejectedError):
    """The call could cost more than the budget has left."""


class UnknownPriceError(CallRejectedError):
    """Nobody knows what the call would cost, and the budget refuses what it cannot count."""


class LedgerError(CallRejectedError):
    """A budget's ledger cannot be reached or used: how much is left is unknown, so nothing may be spent."""


class NoCandidateError(CallRejectedError):
    """There is no model to choose from: none was given, or each is open, over budget or excluded."""


class ProviderError(GenerationError):
    """Whoever was asked over a network gave an error, nothing, or something of no use.

    Attributes:
        provider: name of the generator that asked.
        phase: how far the call came: "send", "first_token" or "stream"; "" if that says nothing.
        status: the HTTP status, or None without an answer.
        request_id: the provider's own name for the call, for its support, or "".
        partial_text: what had arrived of an answer.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        phase: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str = "",
        partial_text: str = "",
        cost_usd: float = 0.0,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.phase = phase
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id
        self.partial_text = partial_text
        self.cost_usd = cost_usd


class AuthenticationError(ProviderError):
    """The provider refuses the key, or what the key may do."""


class QuotaError(ProviderError):
    """The account's quota or credit is used up; waiting seconds does not help."""


class RateLimitError(ProviderError):
    """The provider takes no more calls just now."""

    retryable = True


class OverloadedError(ProviderError):
    """The provider failed or is overloaded."""

    retryable = True


class ProviderTimeoutError(ProviderError):
    """The provider did not answer, or stopped answering, within the time it has."""

    retryable = True


class UnreachableError(ProviderError):
    """No connection came about: no such host, nobody listening, or no trust in its certificate."""

    retryable = True


class CutOffError(ProviderError):
    """The connection ended in the midst of an answer."""

    retryable = True


class MalformedAnswerError(ProviderError):
    """The answer is not what the interface promises: no JSON, no UTF-8, fields missing."""

    retryable = True


class EmptyAnswerError(ProviderError):
    """The answer holds no text."""

    retryable = True


class TruncatedError(ProviderError):
    """The answer ended at its limit of tokens; what there is of it is in `partial_text`."""

    at_fault = "request"


class RefusedError(ProviderError):
    """The model or a content filter declines to write this; nobody else is asked in its place."""

    at_fault = "request"


class ContextLengthError(ProviderError):
    """The prompt, with the answer it asks for, is longer than the model takes."""

    at_fault = "request"


class SchemaViolationError(ProviderError):
    """The answer breaks the JSON schema that was asked for."""

    retryable = True
    at_fault = "request"


class InvalidRequestError(ProviderError):
    """The provider does not accept the request: no such model, a parameter out of range."""

    at_fault = "request"


class ExperimentError(PostoptError):
    """An experiment, or the store behind it, cannot do what was asked."""


class OutcomeError(ExperimentError, ValueError):
    """An outcome, or a count, that cannot be; nothing of the call was recorded."""


class UnknownArmError(ExperimentError, LookupError):
    """The experiment has no arm of that name."""


class UnknownAssignmentError(ExperimentError, LookupError):
    """An outcome for an id that no assignment has: it came first, or belongs to another store."""


class UnknownExperimentError(ExperimentError, LookupError):
    """The store holds no experiment of that name."""


class ExperimentChangedError(ExperimentError):
    """The store knows an experiment of that name whose settings differ in what its conclusions rest on."""


class LearnerError(ExperimentError):
    """A learner failed, or gave what no learner may; the learning step it was part of was undone as a whole."""


class ExperimentStoreError(ExperimentError):
    """The store cannot be reached, read or written; what was queued stays queued."""

    retryable = True


class NewerStoreError(ExperimentStoreError):
    """The store was written by a newer version of postopt; this one would damage it."""

    retryable = False


class PromptError(PostoptError):
    """A prompt template, or its history, cannot be used."""


class UnknownPromptError(PromptError, LookupError):
    """No prompt has that version."""


class ColdStartError(PostoptError):
    """Nothing is known from which a model could be chosen better than by chance."""


class PostDataError(PostoptError, ValueError):
    """A post, or what became of it, that cannot be: a field is missing, a time has no zone, a count is negative."""


class ModelError(PostoptError):
    """A model cannot do what was asked."""


class NotFittedError(ModelError):
    """The model has learned nothing yet, or there is too little to learn from."""


class ModelFileError(ModelError, ValueError):
    """A file of a model is truncated, damaged, too old or not one of ours; nothing was loaded."""


class NewerModelError(ModelFileError):
    """The model was written by a newer version of postopt, or with features that this one does not know."""


class ReplayError(PostoptError, ValueError):
    """A log that cannot be replayed: damaged, foreign, or not from the beginning."""


class EventBusClosedError(PostoptError):
    """An event was published to a bus that is closed."""


def shown(value: object) -> str:
    """Return `value` as an error's message quotes it, 80 characters at most."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python converts
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."
