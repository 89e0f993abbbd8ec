"""`{% csrf_token %}` with one hidden field more: the token by which a press is known again.

A builtin, so that it stands in every form that writes, in those of libraries too, and a new form
cannot do without it.
"""

from django import template
from django.template.base import Parser, Token
from django.template.context import Context
from django.template.defaulttags import CsrfTokenNode
from django.utils.html import format_html

from portal.one_press import FIELD, token_for

register = template.Library()


class FormTokensNode(CsrfTokenNode):
    def render(self, context: Context) -> str:
        known = super().render(context)
        token = token_for(getattr(context.get("request"), "user", None))
        return known and format_html(
            '{}<input type="hidden" name="{}" value="{}">', known, FIELD, token
        )


@register.tag
def csrf_token(parser: Parser, token: Token) -> FormTokensNode:
    return FormTokensNode()
