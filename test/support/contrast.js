// Runs in the browser: the contrast of each visible text with what is behind it, as WCAG 2 defines it.
(() => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).map((channel) => {
      const c = Number(channel) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const isClear = (color) => color === 'rgba(0, 0, 0, 0)' || color === 'none';
  const backgroundOf = (element) => {
    if (!element) return 'rgb(255, 255, 255)';
    const shape = element.parentElement?.querySelector(':scope > rect'); // in SVG a text is drawn over its sibling
    const color = shape ? getComputedStyle(shape).fill : getComputedStyle(element).backgroundColor;
    return isClear(color) ? backgroundOf(element.parentElement) : color;
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim());
  return [...document.querySelectorAll('body *:not(script, style, title)')]
    .filter((element) => hasText(element) && element.checkVisibility())
    .map((element) => {
      const style = getComputedStyle(element);
      const pair = [luminance(element.ownerSVGElement ? style.fill : style.color), luminance(backgroundOf(element))];
      return { text: element.textContent, ratio: (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05) };
    });
})();
