"""`clients [register | add-keys | withdraw-key | withdraw]`: systems that sign what they ask."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviews.management.commands._people import practice_of, refusals
from reviews.models import Client, ClientKey
from reviews.verbs import registrations


class Command(BaseCommand):
    help = "Lists the systems that sign what they ask, registers one, changes its keys, ends one."

    def add_arguments(self, parser: CommandParser) -> None:
        does = parser.add_subparsers(dest="does", metavar="COMMAND")
        register = does.add_parser("register", help="register a system; prints its client id")
        register.add_argument("name", help="which system it is")
        register.add_argument("--source", required=True, help="what its records are marked with")
        register.add_argument(
            "--practice", action="append", required=True, help="code of a practice"
        )
        register.add_argument("--scopes", default="", help="SMART scopes that its tokens may have")
        register.add_argument("--issuer", default="", help="who it is in CDS Hooks (iss)")
        register.add_argument("--fhir-server", default="", help="the one that hooks may ask")
        register.add_argument("--jwks-url", default="", help="where its keys are")
        register.add_argument("--keys", type=Path, metavar="FILE", help="its public keys (JWK)")
        add = does.add_parser("add-keys", help="put new public keys beside those in force")
        add.add_argument("client", help="its client id")
        add.add_argument("keys", type=Path, metavar="FILE", help="public keys (JWK)")
        withdraw_key = does.add_parser("withdraw-key", help="end one key")
        withdraw_key.add_argument("client", help="its client id")
        withdraw_key.add_argument("kid", help="name of the key")
        withdraw = does.add_parser("withdraw", help="end a system and its tokens")
        withdraw.add_argument("client", help="its client id")

    def handle(self, *, does: str | None, **options: Any) -> None:
        with refusals():
            if does == "register":
                self._register(options)
            elif does == "add-keys":
                made = registrations.add_keys(
                    client=_client(options["client"]), keys=_text(options["keys"]), by=None
                )
                self.stdout.write(f"Works from now on: {', '.join(key.kid for key in made)}")
            elif does == "withdraw-key":
                client = _client(options["client"])
                key = ClientKey.objects.filter(client=client, kid=options["kid"]).first()
                if key is None:
                    raise CommandError(f"{client} has no key “{options['kid']}” entered here.")
                registrations.withdraw_key(key=key, by=None)
                self.stdout.write(f"{key.kid} is withdrawn.")
            elif does == "withdraw":
                client = registrations.withdraw(client=_client(options["client"]), by=None)
                self.stdout.write(f"{client} is withdrawn.")
            else:
                self._list()

    def _register(self, options: dict[str, Any]) -> None:
        client = registrations.register(
            name=options["name"],
            source_system=options["source"],
            practices=[practice_of(code) for code in options["practice"]],
            allowed=options["scopes"],
            hook_issuer=options["issuer"],
            fhir_server=options["fhir_server"],
            jwks_url=options["jwks_url"],
            keys=_text(options["keys"]) if options["keys"] else "",
            by=None,
        )
        self.stdout.write(client.client_id)

    def _list(self) -> None:
        for client in Client.objects.prefetch_related("practices", "keys").order_by("name", "pk"):
            places = ", ".join(place.code for place in client.practices.all())
            state = "withdrawn" if client.withdrawn_at else client.scopes or client.hook_issuer
            self.stdout.write(f"{client.client_id}  {client.name} ({places}): {state}")
            for key in client.keys.all():
                ended = ", withdrawn" if key.withdrawn_at else ""
                self.stdout.write(f"  {key.kid}{ended}")


def _client(client_id: str) -> Client:
    found = Client.objects.filter(client_id=client_id).first()
    if found is None:
        raise CommandError(f"There is no system with the client id “{client_id}”.")
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error
