"""Signatures for AWS (SigV4): a request comes in, the headers that sign it go out.

For OpenSearch as a managed service (`es`) and serverless (`aoss`). The credentials are those that botocore finds: of
the environment, of AWS's files, of a role of the machine; they are renewed as botocore sees fit.
"""

import logging
import re
from collections.abc import Mapping
from typing import Protocol

from csplade.integration.access import AWS_SERVICES, Access
from csplade.integration.addresses import Address
from csplade.integration.errors import CredentialsError
from csplade.pipelines.errors import MissingExtraError, UsageError

_HASH = "X-Amz-Content-SHA256"
# search-name-id.eu-central-1.es.amazonaws.com, id.us-east-1.aoss.amazonaws.com, also those of China
_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:es|aoss)\.amazonaws\.com(?:\.cn)?$")
_STEP = "see that `aws sts get-caller-identity` works here, with the same AWS_PROFILE"


class _Credentials(Protocol):
    def get_frozen_credentials(self) -> object: ...


class _Session(Protocol):
    def get_credentials(self) -> _Credentials | None: ...


class Signer:
    """Signs requests, each with the credentials of its moment."""

    def __init__(self, session: _Session, service: str, region: str) -> None:
        self._session, self._service, self._region = session, service, region

    def __call__(self, method: str, url: str, body: bytes | None) -> Mapping[str, str]:
        """Return the headers that sign a request exactly as it is sent.

        Raises:
            CredentialsError: botocore finds no credentials.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        auth = SigV4Auth(self._credentials(), self._service, self._region)
        request = AWSRequest(method, url, data=body)
        # Serverless collections insist on it; as a header of Amazon's it has to be there before the signing.
        request.headers[_HASH] = auth.payload(request)
        auth.add_auth(request)
        return dict(request.headers.items())

    def _credentials(self) -> object:
        from botocore.exceptions import BotoCoreError

        try:
            found = self._session.get_credentials()
            # Frozen: what is renewed meanwhile cannot give a key of before and a secret of after.
            frozen = None if found is None else found.get_frozen_credentials()
        except BotoCoreError as error:
            raise CredentialsError(f"AWS gives no credentials ({error}): {_STEP}") from error
        if frozen is None:
            raise CredentialsError(f"there are no credentials for AWS: {_STEP}")
        return frozen


def open_signer(access: Access, addresses: tuple[Address, ...]) -> Signer | None:
    """Return what signs the requests to these addresses, None if they are not to be signed.

    Raises:
        MissingExtraError: botocore is not installed.
        UsageError: the service is none of those, or nothing says in which region it is.
    """
    if not access.aws_service:
        return None
    if access.aws_service not in AWS_SERVICES:
        raise UsageError(f"AWS has no search service {access.aws_service!r}: give one of {', '.join(AWS_SERVICES)}")
    try:
        from botocore.exceptions import ProfileNotFound
        from botocore.session import Session
    except ImportError as error:
        raise MissingExtraError("botocore", "aws") from error
    # At the level DEBUG it writes down what it signs, session tokens among it.
    logging.getLogger("botocore.auth").setLevel(logging.INFO)
    session = Session(profile=access.aws_profile)
    try:
        region = access.aws_region or _region_of(addresses) or session.get_config_variable("region")
    except ProfileNotFound as error:
        raise UsageError(f"{error}: correct AWS_PROFILE, or aws_profile in the profile") from error
    if not region:
        raise UsageError(f"nothing says in which region {addresses[0].host} is: name it with --aws-region")
    return Signer(session, access.aws_service, region)


def _region_of(addresses: tuple[Address, ...]) -> str | None:
    found = _REGION.search(addresses[0].host)
    return found[1] if found else None
