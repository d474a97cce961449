"""What the HTTP layer refuses by itself, before the engine sees a request.

ServerError
├── MalformedBody        the body is not the JSON or multipart it claims to be
├── InvalidFields        well-formed, but fields are missing, unknown or out of range
├── ModelNotFound        the model's name has a part that is not there
├── RemoteUrlRefused     the picture is given as an address instead of bytes
├── UnsupportedBody      content type or content encoding this server does not read
├── BodyTooLarge         more bytes than one request may have
├── HeadTooLarge         more bytes or lines than a request's head may have
├── HeadTooSlow          the request's head did not arrive in time
├── BodyTooSlow          the body did not arrive in time
├── TooManyConnections   more are open than this process may have files
├── TooManyHeads         the heads in memory have reached their limit
├── TooManyBodies        the bodies in memory have reached their limit
├── FrontBusy            HTTP cannot carry more now, and the latency budget is too short to wait
│   └── ShareUsedUp          it is this client that sends more than its part
├── ClientLeft           the connection closed before the answer
├── AnswerOverdue        the engine has not answered, long past the deadline
├── NoCommonVariant      what is compared came to different variants
├── StillLoading         the engine is not ready yet
├── StillDraining        the server is shutting down
├── Unauthorized         no API key, or an unknown one
├── FromWebPage          a page of another site may not ask for this
├── HostNotAllowed       the header Host names a host that is not listed
├── RateExceeded         the API key's rate is used up
├── ReloadOff            the server was started without reloading
├── NotOperator          the API key may not change what is served
├── ReloadRunning        another reload is not over yet
├── MemoryBudgetFixed    the server was started without changes of it
├── MemoryBudgetChanging the memory budget is being changed
├── MemoryBudgetTooSmall it would leave no variant; the one before still holds
├── AdaptersFixed        the server was started without changes of them
├── AdaptersChanging     another adapter is being loaded or dropped
├── AdapterNotThere      none of that name is loaded, or lies in the folder
├── AdapterRefused       the adapter cannot be loaded; nothing has changed
├── ArtifactOutside      the artifact does not lie where a reload may look
└── ArtifactRefused      the new artifact cannot be served; the one before still is

What is wrong with a picture is in `pictures.errors`.
"""

from server.errors.access import (
    FromWebPage,
    HostNotAllowed,
    NotOperator,
    RateExceeded,
    Unauthorized,
)
from server.errors.availability import (
    AnswerOverdue,
    FrontBusy,
    NoCommonVariant,
    ShareUsedUp,
    StillDraining,
    StillLoading,
    TooManyBodies,
    TooManyConnections,
    TooManyHeads,
)
from server.errors.base import ServerError
from server.errors.operation import (
    AdapterNotThere,
    AdapterRefused,
    AdaptersChanging,
    AdaptersFixed,
    ArtifactOutside,
    ArtifactRefused,
    MemoryBudgetChanging,
    MemoryBudgetFixed,
    MemoryBudgetTooSmall,
    ReloadOff,
    ReloadRunning,
)
from server.errors.requests import (
    BodyTooLarge,
    BodyTooSlow,
    ClientLeft,
    FieldProblem,
    HeadTooLarge,
    HeadTooSlow,
    InvalidFields,
    MalformedBody,
    ModelNotFound,
    RemoteUrlRefused,
    UnsupportedBody,
)

__all__ = [
    "AdapterNotThere",
    "AdapterRefused",
    "AdaptersChanging",
    "AdaptersFixed",
    "AnswerOverdue",
    "ArtifactOutside",
    "ArtifactRefused",
    "BodyTooLarge",
    "BodyTooSlow",
    "ClientLeft",
    "FieldProblem",
    "FromWebPage",
    "FrontBusy",
    "HeadTooLarge",
    "HeadTooSlow",
    "HostNotAllowed",
    "InvalidFields",
    "MalformedBody",
    "MemoryBudgetChanging",
    "MemoryBudgetFixed",
    "MemoryBudgetTooSmall",
    "ModelNotFound",
    "NoCommonVariant",
    "NotOperator",
    "RateExceeded",
    "ReloadOff",
    "ReloadRunning",
    "RemoteUrlRefused",
    "ServerError",
    "ShareUsedUp",
    "StillDraining",
    "StillLoading",
    "TooManyBodies",
    "TooManyConnections",
    "TooManyHeads",
    "Unauthorized",
    "UnsupportedBody",
]
